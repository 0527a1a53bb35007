//! The experiments.

use serde_json::{Value, json};

use super::experiment::{Experiment, Spread, Step};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// A policy that the previews of an experiment comply with.
fn company() -> Value {
    json!({
        "imagePrefixes": ["inanimate/"], "domains": ["*.example.com"],
        "networkPolicy": { "fromNamespaces": ["ingress"] },
    })
}

/// The same policy with other fields.
fn company_with(fields: &Value) -> Value {
    let mut policy = company();
    policy.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    policy
}

/// An edit of the policy, taken back by another edit.
fn edit(name: &'static str, about: &'static str, fields: &Value) -> Experiment {
    Experiment {
        name,
        about,
        spread: Spread::Together,
        fields: json!({ "route": { "type": "Ingress" } }),
        prepare: vec![Step::Policy(company())],
        act: vec![Step::Policy(company_with(fields))],
        undo: vec![Step::Policy(company())],
        how: "edit the policy again",
    }
}

/// An edit of the policy that only a definition without its rules accepts.
fn weak_edit(name: &'static str, about: &'static str, fields: &Value) -> Experiment {
    let mut experiment = edit(name, about, fields);
    experiment.act.insert(0, Step::WeakDefinition);
    experiment.undo.push(Step::Definition);
    experiment.how = "edit the policy again, install the definition";
    experiment
}

/// A namespace that begins to enforce `restricted`.
fn restrict(name: &'static str, about: &'static str, spread: Spread, fields: Value) -> Experiment {
    Experiment {
        name,
        about,
        spread,
        fields,
        prepare: Vec::new(),
        act: vec![Step::Label(ENFORCE, Some("restricted"))],
        undo: vec![Step::Label(ENFORCE, None)],
        how: "remove the label",
    }
}

fn without_definition() -> Experiment {
    let gateway = json!([{ "name": "public", "namespace": "gateways" }]);
    let policy =
        company_with(&json!({ "routes": { "default": "HTTPRoute", "parentRefs": gateway } }));
    Experiment {
        name: "no-crd",
        about: "kubectl delete crd previewpolicies.platform9.com",
        spread: Spread::Together,
        fields: json!({}),
        prepare: vec![Step::HttpRoutes, Step::Policy(policy.clone())],
        act: vec![Step::DeleteDefinition],
        undo: vec![Step::Definition, Step::Policy(policy)],
        how: "install the definition and the policy",
    }
}

fn expiry() -> Experiment {
    Experiment {
        name: "expiry",
        about: "all expire at one time, and one in another namespace 4 s later",
        spread: Spread::Beside,
        fields: json!({ "route": { "type": "None" } }),
        prepare: Vec::new(),
        act: vec![Step::Expire],
        undo: Vec::new(),
        how: "write a later spec.expiresAt",
    }
}

/// All experiments.
#[must_use]
pub fn experiments() -> Vec<Experiment> {
    let root = json!({ "route": { "type": "Ingress" }, "podSecurity": { "runAsUser": 0 } });
    let ingress = json!({ "route": { "type": "Ingress" } });
    vec![
        restrict(
            "restricted",
            "the namespace enforces restricted, and spec.podSecurity.runAsUser is 0",
            Spread::Together,
            root,
        ),
        edit(
            "images",
            "a policy with misspelled imagePrefixes",
            &json!({ "imagePrefixes": ["inanimat/"] }),
        ),
        edit(
            "images-now",
            "the same policy with spec.gracePeriod: 0s",
            &json!({ "imagePrefixes": ["inanimat/"], "gracePeriod": "0s" }),
        ),
        edit(
            "previews",
            "a policy with limits.previews: 1",
            &json!({ "limits": { "previews": 1 } }),
        ),
        edit(
            "domains",
            "a policy with misspelled domains",
            &json!({ "domains": ["*.exmaple.com"] }),
        ),
        weak_edit(
            "weak-ttl",
            "a definition without rules, and maxTtl: 7x",
            &json!({ "limits": { "maxTtl": "7x" } }),
        ),
        weak_edit(
            "weak-images",
            "a definition without rules, and imagePrefixes: [\"a b\"]",
            &json!({ "imagePrefixes": ["a b"] }),
        ),
        without_definition(),
        expiry(),
        restrict(
            "labels",
            "all namespaces enforce restricted, one preview in each",
            Spread::Apart,
            ingress,
        ),
    ]
}
