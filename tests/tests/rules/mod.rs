//! Rules for all children of the operators here, independent of the custom resource.

use serde_json::Value;

/// The violations of the rules among the children of one resource.
pub(crate) fn violations(children: &[Value]) -> Vec<String> {
    let mut violations = Vec::new();
    for child in children {
        names(child, &mut violations);
        empties(child, "", &mut violations);
        duplicates(child, "", &mut violations);
    }
    selectors(children, &mut violations);
    violations
}

fn names(child: &Value, violations: &mut Vec<String>) {
    let kind = &child["kind"];
    let name = child["metadata"]["name"].as_str().unwrap_or_default();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if name.len() > 63 || !begins || name.ends_with('-') || !name.chars().all(fits) {
        violations.push(format!("{kind}: {name} is not a DNS label of RFC 1035"));
    }
    let labels = [
        &child["metadata"]["labels"],
        &child["spec"]["selector"],
        &child["spec"]["selector"]["matchLabels"],
    ];
    for (key, value) in labels.iter().filter_map(|l| l.as_object()).flatten() {
        let Some(value) = value.as_str() else { continue };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let ends = |c: char| c.is_ascii_alphanumeric();
        if value.len() > 63
            || !value.chars().all(fits)
            || !value.starts_with(ends)
            || !value.ends_with(ends)
        {
            violations.push(format!("{kind}: label {key}: {value} is not a label value"));
        }
    }
}

/// Nulls, empty lists and empty maps: tools that compare with git report them as drift, and the
/// owner of an empty map removes the entries of others.
fn empties(value: &Value, path: &str, violations: &mut Vec<String>) {
    match value {
        Value::Null => violations.push(format!("{path} is null")),
        Value::Array(items) if items.is_empty() => {
            violations.push(format!("{path} is an empty list"));
        }
        Value::Object(map) if map.is_empty() => violations.push(format!("{path} is an empty map")),
        Value::Array(items) => {
            for item in items {
                empties(item, &format!("{path}[]"), violations);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                empties(value, &format!("{path}.{key}"), violations);
            }
        }
        _ => {}
    }
}

/// Two items with one name in a list: server-side apply rejects them.
fn duplicates(value: &Value, path: &str, violations: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            let mut names: Vec<&str> =
                items.iter().filter_map(|item| item["name"].as_str()).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            if names.len() < all {
                violations.push(format!("{path} has two items with one name"));
            }
            for item in items {
                duplicates(item, &format!("{path}[]"), violations);
            }
        }
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| duplicates(value, &format!("{path}.{key}"), violations)),
        _ => {}
    }
}

/// The Deployment and the Service select the same pods, at a port that the pods have.
fn selectors(children: &[Value], violations: &mut Vec<String>) {
    let of_kind = |kind: &str| children.iter().find(|child| child["kind"] == kind);
    let (Some(deployment), Some(service)) = (of_kind("Deployment"), of_kind("Service")) else {
        if !children.is_empty() {
            violations.push("the Deployment or the Service is missing".to_owned());
        }
        return;
    };
    let pods = &deployment["spec"]["template"]["metadata"]["labels"];
    if *pods != deployment["spec"]["selector"]["matchLabels"]
        || *pods != service["spec"]["selector"]
    {
        violations.push("Deployment, pods and Service do not have the same labels".to_owned());
    }
    for (key, value) in pods.as_object().into_iter().flatten() {
        if deployment["metadata"]["labels"][key] != *value {
            violations.push(format!("the label {key} of the Deployment differs from its pods"));
        }
    }
    let port = &deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"];
    if *port != service["spec"]["ports"][0]["targetPort"] {
        violations.push("the Service leads to a port that the pods do not have".to_owned());
    }
}

/// The violations of the Pod Security Standard *restricted*, for the fields that our pods use.
pub(crate) fn restricted_violations(pod: &Value) -> Vec<&'static str> {
    let context = &pod["securityContext"];
    let containers = pod["containers"].as_array().map_or(&[][..], Vec::as_slice);
    let all = |holds: &dyn Fn(&Value) -> bool| {
        !containers.is_empty() && containers.iter().all(|c| holds(&c["securityContext"]))
    };
    let rules = [
        ("runAsNonRoot is not true", context["runAsNonRoot"] == true),
        ("runAsUser is root", context["runAsUser"] != 0),
        (
            "seccompProfile is not RuntimeDefault",
            context["seccompProfile"]["type"] == "RuntimeDefault",
        ),
        ("allowPrivilegeEscalation is not false", all(&|c| c["allowPrivilegeEscalation"] == false)),
        (
            "capabilities are not dropped",
            all(&|c| c["capabilities"] == serde_json::json!({ "drop": ["ALL"] })),
        ),
        (
            "a container overrides its pod",
            all(&|c| c["runAsNonRoot"].is_null() && c["runAsUser"].is_null()),
        ),
        (
            "the pod shares something with its node",
            ["hostNetwork", "hostPID", "hostIPC"].iter().all(|f| pod[f].is_null()),
        ),
        ("there are volumes", pod["volumes"].is_null()),
    ];
    rules.into_iter().filter(|(_, holds)| !holds).map(|(violations, _)| violations).collect()
}
