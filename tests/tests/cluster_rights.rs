//! The generated rights, on a control plane that enforces them: they are enough for all work of the
//! operator, and the operator uses each of them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use kubewright::manifests::{self, Options};
use kubewright::runtime::Settings;
use operator_api::echo::Echo;
use operator_api::echo_test;
use operator_api::preview::{PreviewEnvironment, PreviewPolicy};
use serde_json::{Value, json};
use tests::cluster::{
    AuditedRequest, Cluster, Namespaced, Operator, OwnCluster, SOON, Sandbox, client_of, condition,
    describe, eventually, kubeconfig_of,
};
use tests::fixtures::{EchoFixture, PreviewFixture, echo, preview, test_echo};

/// The service account whose requests the audit log of an own control plane records.
const AUDITED: (&str, &str) = ("kube-system", "operator");

/// The generated RBAC objects.
fn generated(options: &Options) -> Vec<Value> {
    let documents = manifests::rbac::documents(&operator::registry(), options).unwrap();
    documents.iter().map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

async fn apply(client: &Client, objects: &[Value]) {
    for object in objects {
        let kind = GroupVersionKind::try_from(
            serde_json::from_value::<kube::core::TypeMeta>(object.clone()).unwrap(),
        )
        .unwrap();
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let name = object["metadata"]["name"].as_str().unwrap();
        api.patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(object)).await.unwrap();
    }
}

/// Whether the API server answered Forbidden.
fn is_forbidden<T: std::fmt::Debug>(answer: kube::Result<T>) -> bool {
    matches!(answer, Err(kube::Error::Api(status)) if status.code == 403)
}

/// Grants the generated rights to the operator's service account, after a check that it has none;
/// returns its kubeconfig.
async fn grant_generated_rights(
    cluster: &Cluster,
    sandbox: &Sandbox,
    options: &Options,
    folder: &tempfile::TempDir,
) -> PathBuf {
    let objects = generated(options);
    let client = cluster.client().await;
    apply(&client, &objects[..1]).await;
    assert_eq!(objects[0]["kind"], "ServiceAccount");
    let name = |field: &str| objects[0]["metadata"][field].as_str().unwrap().to_owned();
    let kubeconfig = kubeconfig_of(cluster, &name("namespace"), &name("name"), folder.path()).await;
    let operator = client_of(&kubeconfig).await;
    let echoes: Api<Echo> = Api::namespaced(operator.clone(), sandbox.namespace());
    assert!(
        is_forbidden(echoes.list(&ListParams::default()).await),
        "this cluster does not enforce rights"
    );
    apply(&client, &objects[1..]).await;
    // The API server's caches need a moment.
    eventually(SOON, "the rights are in force", async || {
        echoes.list(&ListParams::default()).await.map_err(|e| e.to_string())
    })
    .await;
    // The rights are no larger than they should be.
    let secrets: Api<Secret> = Api::namespaced(operator.clone(), sandbox.namespace());
    assert!(
        is_forbidden(secrets.list(&ListParams::default()).await),
        "the operator may list Secrets"
    );
    assert!(
        is_forbidden(echoes.create(&PostParams::default(), &echo("web")).await),
        "the operator may create custom resources"
    );
    let elsewhere: Api<ConfigMap> = Api::namespaced(operator, "kube-system");
    assert!(
        is_forbidden(elsewhere.list(&ListParams::default()).await),
        "the operator may list ConfigMaps of the system"
    );
    kubeconfig
}

/// A child of `owner` that the owner's spec does not want.
fn unwanted(owner: &Echo, kind: &str, api_version: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {
            "name": "unwanted",
            "labels": { "app.kubernetes.io/managed-by": operator::NAME },
            "ownerReferences": [{
                "apiVersion": "example.com/v1", "kind": "Echo", "name": owner.name_any(),
                "uid": owner.uid(), "controller": true,
            }],
        },
        "spec": spec,
    })
}

fn pods() -> Value {
    json!({
        "replicas": 0, "selector": { "matchLabels": { "a": "b" } },
        "template": {
            "metadata": { "labels": { "a": "b" } },
            "spec": { "containers": [{ "name": "a", "image": "a" }] },
        },
    })
}

fn parsed<K: Namespaced>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// Creation, an edit, drift, a deleted child, and unwanted children.
async fn create_repair_and_prune(sandbox: &Sandbox) {
    sandbox.create(&echo("web").with_text("one")).await;
    sandbox.create(&test_echo("fixed")).await;
    sandbox.create(&preview("preview")).await;
    let web: Echo = sandbox.until_ready("web").await;
    sandbox.until_ready::<echo_test::Echo>("fixed").await;
    sandbox.until_ready::<PreviewEnvironment>("preview").await;

    sandbox.merge::<Echo>("web", json!({ "spec": { "text": "two", "replicas": 2 } })).await;
    sandbox.until_ready::<Echo>("web").await;
    sandbox.merge::<Deployment>("web", json!({ "spec": { "replicas": 7 } })).await;
    let replicas = |deployment: &Deployment| deployment.spec.as_ref().unwrap().replicas;
    sandbox.until("web", "is repaired", |deployment| replicas(deployment) == Some(2)).await;
    let before: Service = sandbox.get("web").await;
    sandbox.delete::<Service>("web").await;
    sandbox
        .until("web", "is created again", |service: &Service| service.uid() != before.uid())
        .await;

    sandbox.create::<Deployment>(&parsed(unwanted(&web, "Deployment", "apps/v1", &pods()))).await;
    sandbox
        .create::<Service>(&parsed(unwanted(
            &web,
            "Service",
            "v1",
            &json!({ "ports": [{ "port": 1 }] }),
        )))
        .await;
    sandbox.until_gone::<Deployment>("unwanted").await;
    sandbox.until_gone::<Service>("unwanted").await;
    sandbox.until_ready::<Echo>("web").await;
}

/// Foreign objects with the names of children, which Events report, and deletion.
async fn report_foreign_objects_and_delete(sandbox: &Sandbox) {
    let foreign = |kind: &str, api_version: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": api_version, "kind": kind, "metadata": { "name": name }, "spec": spec,
        })
    };
    sandbox.create::<Deployment>(&parsed(foreign("Deployment", "apps/v1", "taken", pods()))).await;
    sandbox
        .create::<Service>(&parsed(foreign(
            "Service",
            "v1",
            "occupied",
            json!({ "ports": [{ "port": 1 }] }),
        )))
        .await;
    for name in ["taken", "occupied"] {
        sandbox.create(&echo(name)).await;
        sandbox.until_not_ready::<Echo>(name, "NotOwned").await;
        until_event(sandbox, name).await;
    }
    for name in ["web", "taken", "occupied"] {
        sandbox.delete::<Echo>(name).await;
    }
    sandbox.delete::<echo_test::Echo>("fixed").await;
    sandbox.delete::<PreviewEnvironment>("preview").await;
    // Garbage collection deletes the children. The operator needs no rights for this.
    sandbox.until_none::<Echo>().await;
}

/// Waits for the Event about a resource whose child is a foreign object.
async fn until_event(sandbox: &Sandbox, name: &str) {
    eventually(SOON, format!("an Event about {name} exists"), async || {
        let events: Vec<Event> = sandbox.list().await;
        let about = |event: &Event| {
            let regarding =
                event.regarding.as_ref().and_then(|regarding| regarding.name.as_deref());
            event.reason.as_deref() == Some("NotOwned") && regarding == Some(name)
        };
        if events.iter().any(about) {
            Ok(())
        } else {
            Err(events.iter().map(describe).collect::<String>())
        }
    })
    .await;
}

/// A preview that expires after an edit.
async fn edit_and_expire(sandbox: &Sandbox) {
    sandbox.create(&preview("brief").with_fields(json!({ "ttl": "5s" }))).await;
    let has_end = |preview: &PreviewEnvironment| {
        preview.status.as_ref().is_some_and(|status| status.expires_at.is_some())
    };
    sandbox.until("brief", "has expiresAt", has_end).await;
    let patch = json!({ "spec": { "source": { "branch": "x" } } });
    sandbox.merge::<PreviewEnvironment>("brief", patch).await;
    sandbox.until_gone::<PreviewEnvironment>("brief").await;
}

async fn assert_nothing_was_forbidden(operator: &Operator, echoes_left: u64) {
    operator
        .until("the cache has no deleted Echo", |metrics| metrics.resources("echo") == echoes_left)
        .await;
    let metrics = operator.until_idle().await;
    assert_eq!(metrics.sum("kubewright_api_requests_total", &[("code", "403")]), 0, "{metrics:?}");
    assert!(metrics.requests("apply") > 0 && metrics.requests("create") > 0, "{metrics:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_in_two_namespaces_are_enough_there_and_forbid_other_namespaces() {
    let (one, two, outside) =
        (Sandbox::new("here").await, Sandbox::new("there").await, Sandbox::new("outside").await);
    let namespaces = vec![one.namespace().to_owned(), two.namespace().to_owned()];
    // The service account is in a namespace that is deleted after the test.
    let options = Options {
        system_namespace: Some(outside.namespace().to_owned()),
        namespaces: namespaces.clone(),
        ..Options::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = grant_generated_rights(one.cluster(), &one, &options, &folder).await;
    let client = client_of(&kubeconfig).await;
    let elsewhere: Api<Echo> = Api::namespaced(client, outside.namespace());
    assert!(is_forbidden(elsewhere.list(&ListParams::default()).await));

    let settings = Settings { namespaces, ..Settings::default() };
    let operator = Operator::start_with(&operator::registry(), &kubeconfig, settings).await;
    create_repair_and_prune(&one).await;
    report_foreign_objects_and_delete(&one).await;
    two.create(&echo("web")).await;
    two.until_ready::<Echo>("web").await;
    assert_nothing_was_forbidden(&operator, 1).await;
}

/// A verb and `group/resource`, as roles have them.
type Right = (String, String);

/// The rights that the roles among these objects grant.
fn granted(objects: &[Value]) -> BTreeSet<Right> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let rules = objects.iter().filter_map(|object| object["rules"].as_array()).flatten();
    let each = |rule: &Value| {
        let (groups, resources) = (texts(&rule["apiGroups"]), texts(&rule["resources"]));
        assert_eq!((groups.len(), resources.len()), (1, 1), "{rule}");
        let resource = format!("{}/{}", groups[0], resources[0]);
        texts(&rule["verbs"])
            .into_iter()
            .map(move |verb| (verb, resource.clone()))
            .collect::<Vec<_>>()
    };
    rules.flat_map(each).collect()
}

/// The rights that a request needs. An apply that creates an object needs two.
fn needed_for(request: &AuditedRequest) -> Vec<Right> {
    let path: Vec<&str> =
        request.uri.split('?').next().unwrap().trim_start_matches('/').split('/').collect();
    let (group, rest) = match path[..] {
        ["api", _, ref rest @ ..] => ("", rest),
        ["apis", group, _, ref rest @ ..] => (group, rest),
        _ => return Vec::new(),
    };
    let rest = if rest.len() > 2 && rest[0] == "namespaces" { &rest[2..] } else { rest };
    let resource = match rest {
        [resource, _, subresource] => format!("{group}/{resource}/{subresource}"),
        [resource, ..] => format!("{group}/{resource}"),
        [] => return Vec::new(),
    };
    let created = (request.verb == "patch" && request.code == 201).then(|| "create".to_owned());
    created.into_iter().chain([request.verb.clone()]).map(|verb| (verb, resource.clone())).collect()
}

/// A kind of route, the route field of a preview that requests it, and a minimal spec of an object.
struct RouteKind {
    api_version: &'static str,
    kind: &'static str,
    requested: Value,
    spec: Value,
}

impl RouteKind {
    fn all() -> [Self; 4] {
        let gateways = json!([{ "name": "public" }]);
        let rules = json!([{ "host": "a.example.com" }]);
        [
            Self {
                api_version: "getambassador.io/v3alpha1",
                kind: "Mapping",
                requested: json!({ "type": "Mapping" }),
                spec: json!({ "prefix": "/", "service": "a" }),
            },
            Self {
                api_version: "gateway.networking.k8s.io/v1",
                kind: "HTTPRoute",
                requested: json!({ "type": "HTTPRoute", "parentRefs": gateways }),
                spec: json!({ "parentRefs": gateways }),
            },
            Self {
                api_version: "networking.k8s.io/v1",
                kind: "Ingress",
                requested: json!({ "type": "Ingress" }),
                spec: json!({ "rules": rules }),
            },
            // Not a route, but created, repaired and deleted like one: a policy requests it.
            Self {
                api_version: "networking.k8s.io/v1",
                kind: "NetworkPolicy",
                requested: json!({ "type": "None" }),
                spec: json!({ "podSelector": {} }),
            },
        ]
    }

    fn api(&self, sandbox: &Sandbox) -> Api<DynamicObject> {
        let kind: kube::core::TypeMeta =
            serde_json::from_value(json!({ "apiVersion": self.api_version, "kind": self.kind }))
                .unwrap();
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(kind).unwrap());
        Api::namespaced_with(sandbox.client(), sandbox.namespace(), &resource)
    }
}

/// Routes of one kind: a child, an unwanted child, and a foreign object.
async fn create_prune_and_report_route(sandbox: &Sandbox, route: &RouteKind) {
    let (api, params) = (route.api(sandbox), PostParams::default());
    let name = |about: &str| format!("{about}-{}", route.kind.to_lowercase());
    let requesting = |name: &str| preview(name).with_fields(json!({ "route": route.requested }));

    let created = sandbox.create(&requesting(&name("created"))).await;
    let is_in_place = |web: &PreviewEnvironment| {
        let reason = condition(web, "RouteAccepted").reason;
        ["WaitingForController", "NotReported", "NotRequested"].contains(&&*reason)
    };
    sandbox.until(&name("created"), "has its route", is_in_place).await;
    assert!(api.get_opt(&name("created")).await.unwrap().is_some(), "{}", route.kind);

    let web: Echo = sandbox.get("web").await;
    let mut object = unwanted(&web, route.kind, route.api_version, &route.spec);
    let reference = &mut object["metadata"]["ownerReferences"][0];
    reference["apiVersion"] = "platform9.com/v1".into();
    reference["kind"] = "PreviewEnvironment".into();
    reference["name"] = created.name_any().into();
    reference["uid"] = created.uid().into();
    api.create(&params, &serde_json::from_value(object).unwrap()).await.unwrap();
    eventually(SOON, format!("the unwanted {} is gone", route.kind), async || {
        let found = api.get_opt("unwanted").await.map_err(|error| error.to_string())?;
        found.map_or(Ok(()), |found| Err(describe(&found)))
    })
    .await;

    let foreign = json!({
        "apiVersion": route.api_version, "kind": route.kind, "metadata": { "name": name("busy") },
        "spec": route.spec,
    });
    api.create(&params, &serde_json::from_value(foreign).unwrap()).await.unwrap();
    sandbox.create(&requesting(&name("busy"))).await;
    sandbox.until_not_ready::<PreviewEnvironment>(&name("busy"), "NotOwned").await;
    until_event(sandbox, &name("busy")).await;
    for about in ["created", "busy"] {
        sandbox.delete::<PreviewEnvironment>(&name(about)).await;
        sandbox.until_gone::<PreviewEnvironment>(&name(about)).await;
    }
}

/// A CRD for a kind of route that accepts any field.
fn route_definition(group: &str, version: &str, kind: &str) -> CustomResourceDefinition {
    let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let singular = kind.to_lowercase();
    let mut definition = json!({
        "metadata": { "name": format!("{singular}s.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": { "kind": kind, "plural": format!("{singular}s"), "singular": singular },
            "versions": [{
                "name": version, "served": true, "storage": true,
                "schema": {
                    "openAPIV3Schema": { "type": "object", "properties": { "spec": any } },
                },
            }],
        },
    });
    if group.ends_with(".k8s.io") {
        // The API server requires this annotation for CRDs in its own groups.
        let approved = "https://github.com/kubernetes-sigs/gateway-api/pull/1";
        definition["metadata"]["annotations"] = json!({ "api-approved.kubernetes.io": approved });
    }
    parsed_definition(definition)
}

fn parsed_definition(value: Value) -> CustomResourceDefinition {
    serde_json::from_value(value).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_in_all_namespaces_are_enough_and_each_is_needed() {
    let cluster = OwnCluster::start("rights");
    let gateway_api = route_definition("gateway.networking.k8s.io", "v1", "HTTPRoute");
    cluster
        .install(&[route_definition("getambassador.io", "v3alpha1", "Mapping"), gateway_api])
        .await;
    let sandbox = Sandbox::in_cluster(&cluster, "everywhere", &[]).await;
    let (namespace, account) = AUDITED;
    let options = Options {
        system_namespace: Some(namespace.to_owned()),
        service_account: Some(account.to_owned()),
        ..Options::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = grant_generated_rights(&cluster, &sandbox, &options, &folder).await;
    let before = cluster.audited_requests().len();

    let guarded =
        serde_json::from_value(json!({ "networkPolicy": { "fromNamespaces": ["gateways"] } }))
            .unwrap();
    let policies: Api<PreviewPolicy> = Api::all(sandbox.client());
    policies.create(&PostParams::default(), &PreviewPolicy::new("guarded", guarded)).await.unwrap();
    let operator =
        Operator::start_with(&operator::registry(), &kubeconfig, Settings::default()).await;
    create_repair_and_prune(&sandbox).await;
    let route = condition(&sandbox.get::<PreviewEnvironment>("preview").await, "RouteAccepted");
    assert_eq!(route.status_and_reason(), ("Unknown", "NotReported"));
    for route in RouteKind::all() {
        create_prune_and_report_route(&sandbox, &route).await;
    }
    report_foreign_objects_and_delete(&sandbox).await;
    edit_and_expire(&sandbox).await;
    delete_policy(&cluster, &policies, before).await;
    assert_nothing_was_forbidden(&operator, 0).await;

    let used: BTreeSet<Right> =
        cluster.audited_requests()[before..].iter().flat_map(needed_for).collect();
    let granted = granted(&generated(&options));
    let spare: Vec<&Right> =
        granted.difference(&used).filter(|right| !is_needed_by_admission(right)).collect();
    assert!(spare.is_empty(), "granted but not used: {spare:?}\nused: {used:?}");
}

/// Deletes the policy and waits until the operator has read the definition of policies.
async fn delete_policy(cluster: &OwnCluster, policies: &Api<PreviewPolicy>, before: usize) {
    policies.delete("guarded", &DeleteParams::background()).await.unwrap();
    let is_read = |request: &AuditedRequest| {
        request.verb == "get" && request.uri.contains("customresourcedefinitions/previewpolicies")
    };
    eventually(SOON, "the definition of policies is read", async || {
        let requests = &cluster.audited_requests()[before..];
        if requests.iter().any(is_read) { Ok(()) } else { Err("it is not read".to_owned()) }
    })
    .await;
}

/// Rights that no request shows: the admission plugin for owner references checks the right to
/// update finalizers.
fn is_needed_by_admission((verb, resource): &Right) -> bool {
    verb == "update" && resource.ends_with("/finalizers")
}
