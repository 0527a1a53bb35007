//! The features of a preview, on a real control plane: new pods for a new revision, a scale,
//! suspension, a route of each type, and a rejection with a correction for every invalid field.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{Sandbox, condition, describe};
use tests::fixtures::{PreviewFixture, preview};

fn deployed(deployment: &Deployment) -> Value {
    serde_json::to_value(deployment.spec.as_ref().unwrap()).unwrap()
}

fn revision(preview: &PreviewEnvironment) -> Option<&str> {
    preview.status.as_ref()?.revision.as_deref()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_and_a_host_are_enough_for_a_preview() {
    let sandbox = Sandbox::new("minimal").await;
    let _operator = sandbox.start_operator().await;
    let path = format!("{}/inputs/preview-environment.yaml", env!("CARGO_MANIFEST_DIR"));
    let input: PreviewEnvironment =
        serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    sandbox.create(&input).await;
    let name = input.name_any();
    let ready: PreviewEnvironment = sandbox.until_ready(&name).await;
    assert_eq!((&ready.spec.image, &ready.spec.fqdn), (&input.spec.image, &input.spec.fqdn));
    let status = ready.status.as_ref().unwrap();
    assert_eq!(
        (status.ready.as_deref(), status.url.as_deref(), revision(&ready)),
        (Some("1/1"), None, None)
    );
    let spec = deployed(&sandbox.get(&name).await);
    let container = &spec["template"]["spec"]["containers"][0];
    assert_eq!(
        (&container["image"], &container["ports"][0]["containerPort"]),
        (&json!(input.spec.image), &json!(8080))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_revision_replaces_the_pods_and_then_appears_in_the_status() {
    let sandbox = Sandbox::new("revision").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "revision": "one", "replicas": 2 }))).await;
    let shows = |wanted: &'static str| {
        move |preview: &PreviewEnvironment| revision(preview) == Some(wanted)
    };
    sandbox.until("web", "has the first revision in its status", shows("one")).await;
    let before: Vec<String> =
        sandbox.list::<Pod>().await.iter().map(ResourceExt::name_any).collect();
    assert_eq!(before.len(), 2);

    sandbox.merge::<PreviewEnvironment>("web", json!({ "spec": { "revision": "two" } })).await;
    let web: PreviewEnvironment =
        sandbox.until("web", "has the second revision in its status", shows("two")).await;
    assert!(condition(&web, "Ready").is_true(), "{}", describe(&web));
    for pod in
        sandbox.list::<Pod>().await.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none())
    {
        assert!(!before.contains(&pod.name_any()), "the old pod {} still exists", pod.name_any());
        assert_eq!(
            pod.annotations().get("platform9.com/revision").map(String::as_str),
            Some("two")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_has_a_scale_like_a_deployment() {
    let sandbox = Sandbox::new("scale").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&preview("web")).await;
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    let api: Api<PreviewEnvironment> = sandbox.api();
    let patch = Patch::Merge(json!({ "spec": { "replicas": 3 } }));
    api.patch_scale("web", &PatchParams::default(), &patch).await.unwrap();
    let has = |ready: &'static str| {
        move |preview: &PreviewEnvironment| {
            preview.status.as_ref().and_then(|status| status.ready.as_deref()) == Some(ready)
        }
    };
    sandbox.until("web", "has three pods", has("3/3")).await;
    let scale = api.get_scale("web").await.unwrap();
    let status = scale.status.unwrap();
    assert_eq!((scale.spec.unwrap().replicas, status.replicas), (Some(3), 3));
    let pods = Api::<Pod>::namespaced(sandbox.client(), sandbox.namespace());
    let selected = pods
        .list(&kube::api::ListParams::default().labels(&status.selector.unwrap()))
        .await
        .unwrap();
    assert_eq!(selected.items.len(), 3);

    let too_many = Patch::Merge(json!({ "spec": { "replicas": 6 } }));
    let refused =
        api.patch_scale("web", &PatchParams::default(), &too_many).await.unwrap_err().to_string();
    assert!(refused.contains("should be less than or equal to 5"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_field_suspends_and_resumes_a_preview() {
    let sandbox = Sandbox::new("suspend").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "replicas": 2 }))).await;
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    let suspend = async |suspend: bool| {
        sandbox.merge::<PreviewEnvironment>("web", json!({ "spec": { "suspend": suspend } })).await
    };

    suspend(true).await;
    let is_suspended = |web: &PreviewEnvironment| {
        let ready = web.status.as_ref().and_then(|status| status.ready.as_deref());
        condition(web, "Suspended").is_true()
            && condition(web, "Ready").is_true()
            && ready == Some("0/0")
    };
    let web: PreviewEnvironment = sandbox.until("web", "is suspended", is_suspended).await;
    assert_eq!((web.spec.replicas, web.status.unwrap().url), (Some(2), None));
    sandbox.until_none::<Pod>().await;
    assert!(sandbox.find::<Service>("web").await.is_some());

    suspend(false).await;
    let is_running = |web: &PreviewEnvironment| {
        let ready = web.status.as_ref().and_then(|status| status.ready.as_deref());
        condition(web, "Suspended").status.is_empty()
            && condition(web, "Ready").is_true()
            && ready == Some("2/2")
    };
    sandbox.until("web", "runs again", is_running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_begins_with_the_reason_why_the_pods_do_not_run() {
    let sandbox = Sandbox::new("reasons").await;
    let _operator = sandbox.start_operator().await;
    let too_much = json!({ "requests": { "cpu": "5000" } });
    sandbox.create(&preview("big").with_fields(json!({ "resources": too_much }))).await;
    let big: PreviewEnvironment = sandbox.until_not_ready("big", "Unschedulable").await;
    let message = condition(&big, "Ready").message;
    assert!(
        message.starts_with("pod big-") && message.contains("nodes are available"),
        "{message}"
    );

    sandbox.create(&preview("web")).await;
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    let pods = sandbox.list::<Pod>().await.into_iter().map(|pod| pod.name_any());
    let pod = pods.into_iter().find(|name| name.starts_with("web-")).unwrap();
    let waiting = json!({ "reason": "ImagePullBackOff", "message": "no such image" });
    let container = json!({
        "name": "app", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "waiting": waiting },
    });
    let status = json!({ "status": {
        "containerStatuses": [container],
        "conditions": [
            { "type": "Ready", "status": "False" },
            { "type": "ContainersReady", "status": "False" },
        ],
    } });
    sandbox
        .api::<Pod>()
        .patch_status(&pod, &PatchParams::default(), &Patch::Strategic(status))
        .await
        .unwrap();
    let web: PreviewEnvironment = sandbox.until_not_ready("web", "ImagePullBackOff").await;
    let message = condition(&web, "Ready").message;
    assert!(
        message.starts_with(&format!("pod {pod}, container app: ImagePullBackOff: no such image")),
        "{message}"
    );
}

/// The names of the existing Ingresses.
async fn routes(sandbox: &Sandbox) -> Vec<String> {
    sandbox.list::<Ingress>().await.iter().map(ResourceExt::name_any).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_route_follows_the_route_type_and_there_is_never_a_second_route() {
    let sandbox = Sandbox::new("route").await;
    let _operator = sandbox.start_operator().await;
    let set_type = async |type_: &str| {
        sandbox
            .merge::<PreviewEnvironment>("web", json!({ "spec": { "route": { "type": type_ } } }))
            .await;
    };
    let route_is = |status: &'static str, reason: &'static str| {
        move |web: &PreviewEnvironment| {
            condition(web, "RouteAccepted").status_and_reason() == (status, reason)
                && condition(web, "Ready").is_true() == (status == "False")
        }
    };
    let ingress = json!({ "type": "Ingress", "path": "/app", "tls": {} });
    sandbox.create(&preview("web").with_fields(json!({ "route": ingress }))).await;
    let mut uid = None;
    for _ in 0..2 {
        let web = sandbox
            .until(
                "web",
                "waits for the controller of its Ingress",
                route_is("Unknown", "WaitingForController"),
            )
            .await;
        assert_eq!(web.status.unwrap().url, None);
        assert_eq!(routes(&sandbox).await, ["web"]);
        let route: Ingress = sandbox.get("web").await;
        assert_ne!(route.uid(), uid, "each change of the type creates a new Ingress");
        uid = route.uid();

        set_type("None").await;
        sandbox.until("web", "has no route", route_is("False", "NotRequested")).await;
        assert!(routes(&sandbox).await.is_empty());
        set_type("Mapping").await;
        sandbox
            .until("web", "waits for the API of Mappings", route_is("False", "RouteApiNotServed"))
            .await;
        assert!(routes(&sandbox).await.is_empty());
        set_type("Ingress").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_has_a_url_when_its_ingress_has_an_address() {
    let sandbox = Sandbox::new("address").await;
    let _operator = sandbox.start_operator().await;
    let ingress =
        json!({ "type": "Ingress", "path": "/app", "tls": { "clusterIssuer": "letsencrypt" } });
    sandbox.create(&preview("web").with_fields(json!({ "route": ingress }))).await;
    sandbox.until_not_ready::<PreviewEnvironment>("web", "WaitingForController").await;
    let api: Api<Ingress> = sandbox.api();
    let address =
        |ip: Value| Patch::Merge(json!({ "status": { "loadBalancer": { "ingress": ip } } }));
    let controller = PatchParams::default();
    api.patch_status("web", &controller, &address(json!([{ "ip": "192.0.2.1" }]))).await.unwrap();
    let has_url = |web: &PreviewEnvironment| {
        let url = web.status.as_ref().and_then(|status| status.url.as_deref());
        condition(web, "RouteAccepted").is_true() && url == Some("https://web.example.com/app")
    };
    sandbox.until("web", "has a URL", has_url).await;
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    let ingress: Ingress = sandbox.get("web").await;
    assert_eq!(
        ingress.annotations().get("cert-manager.io/cluster-issuer").map(String::as_str),
        Some("letsencrypt")
    );
    assert_eq!(
        ingress.spec.unwrap().tls.unwrap()[0].secret_name.as_deref(),
        Some("web-preview-tls")
    );

    api.patch_status("web", &controller, &address(Value::Null)).await.unwrap();
    let has_no_url =
        |web: &PreviewEnvironment| web.status.as_ref().is_some_and(|status| status.url.is_none());
    sandbox.until("web", "has no URL any more", has_no_url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_route_without_a_gateway_waits_for_an_edit_and_one_without_its_api_for_the_api() {
    let sandbox = Sandbox::new("gateway").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "route": { "type": "HTTPRoute" } }))).await;
    let web: PreviewEnvironment = sandbox.until_not_ready("web", "GatewayMissing").await;
    assert!(
        condition(&web, "Stalled").message.contains("write spec.route.parentRefs"),
        "{}",
        describe(&web)
    );
    assert_eq!(condition(&web, "RouteAccepted").status_and_reason(), ("False", "GatewayMissing"));
    sandbox.until("web", "exists without a route", |_: &Deployment| true).await;
    let named = json!({
        "spec": { "route": { "parentRefs": [{ "name": "public", "namespace": "gateways" }] } },
    });
    sandbox.merge::<PreviewEnvironment>("web", named).await;
    let web: PreviewEnvironment = sandbox.until_ready("web").await;
    assert_eq!(
        condition(&web, "RouteAccepted").status_and_reason(),
        ("False", "RouteApiNotServed")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_preview_can_give_up_its_route() {
    let sandbox = Sandbox::new("suspended").await;
    let _operator = sandbox.start_operator().await;
    let route = json!({ "type": "Ingress", "whenSuspended": "Remove" });
    sandbox.create(&preview("web").with_fields(json!({ "route": route }))).await;
    sandbox.until("web", "exists", |_: &Ingress| true).await;
    assert_eq!(routes(&sandbox).await, ["web"]);
    sandbox.merge::<PreviewEnvironment>("web", json!({ "spec": { "suspend": true } })).await;
    let is_suspended = |web: &PreviewEnvironment| {
        condition(web, "RouteAccepted").status_and_reason() == ("False", "RemovedWhileSuspended")
            && condition(web, "Ready").is_true()
    };
    sandbox.until("web", "is suspended without its route", is_suspended).await;
    assert!(routes(&sandbox).await.is_empty());
    sandbox.merge::<PreviewEnvironment>("web", json!({ "spec": { "suspend": null } })).await;
    sandbox.until("web", "has its route again", |_: &Ingress| true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fields_of_the_spec_arrive_in_the_pods() {
    let sandbox = Sandbox::new("program").await;
    let operator = sandbox.start_operator().await;
    let fields = json!({
        "port": 80,
        "command": ["node"],
        "args": ["server.js"],
        "env": [
            { "name": "PORT", "value": "80" },
            { "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
        ],
        "envFrom": [{ "prefix": "A_", "configMapRef": { "name": "settings", "optional": true } }],
        "resources": { "requests": { "cpu": "10m" }, "limits": { "memory": "64Mi" } },
        "imagePullSecrets": [{ "name": "registry" }],
        "probes": {
            "readiness": { "path": "/ready" }, "liveness": {},
            "startup": { "failureThreshold": 60 },
        },
        "podSecurity": { "runAsUser": 1000, "fsGroup": 1000, "readOnlyRootFilesystem": true },
    });
    sandbox.create(&preview("web").with_fields(fields)).await;
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    let pod = sandbox.list::<Pod>().await.remove(0);
    let spec = serde_json::to_value(pod.spec.unwrap()).unwrap();
    let container = &spec["containers"][0];
    assert_eq!(
        (&container["command"], &container["args"]),
        (&json!(["node"]), &json!(["server.js"]))
    );
    assert_eq!(
        (&container["ports"][0]["containerPort"], &container["env"][0]["value"]),
        (&json!(80), &json!("80"))
    );
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], json!("/ready"));
    assert_eq!(container["livenessProbe"]["tcpSocket"]["port"], json!("http"));
    assert_eq!(spec["securityContext"]["sysctls"][0]["value"], json!("80"));
    let service: Service = sandbox.get("web").await;
    assert_eq!(service.spec.unwrap().ports.unwrap()[0].port, 80);
    // The API server sets defaults in quantities, probes and sources: no default counts as drift.
    let counted = operator.until_at_rest().await;
    sandbox
        .merge::<PreviewEnvironment>("web", json!({ "metadata": { "annotations": { "a": "b" } } }))
        .await;
    let again = operator.until_at_rest().await;
    assert_eq!(again.requests("apply"), counted.requests("apply"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_user_in_a_restricted_namespace_is_refused_with_a_correction() {
    let sandbox =
        Sandbox::with_labels("root", &[("pod-security.kubernetes.io/enforce", "restricted")]).await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "podSecurity": { "runAsUser": 0 } }))).await;
    let web: PreviewEnvironment = sandbox.until_not_ready("web", "PodSecurityNotAllowed").await;
    let stalled = condition(&web, "Stalled");
    assert!(
        stalled.is_true() && stalled.message.contains("write another user id such as 1000"),
        "{}",
        describe(&web)
    );
    assert!(sandbox.find::<Deployment>("web").await.is_none());
    let user = json!({
        "spec": {
            "port": 80, "podSecurity": { "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000 },
        },
    });
    sandbox.merge::<PreviewEnvironment>("web", user).await;
    sandbox.until_ready::<PreviewEnvironment>("web").await;
}

/// Invalid fields, and a part of the API server's message.
fn invalid_fields() -> Vec<(Value, &'static str)> {
    let env = |variable: Value| json!({ "env": [variable] });
    let from = |source: Value| json!({ "env": [{ "name": "A", "valueFrom": source }] });
    vec![
        (json!({ "port": 0 }), "should be greater than or equal to 1"),
        (json!({ "port": 65_536 }), "should be less than or equal to 65535"),
        (json!({ "replicas": 6 }), "should be less than or equal to 5"),
        (json!({ "command": [""] }), "should be at least 1 chars long"),
        (json!({ "args": ["a\0"] }), "remove the NUL character"),
        (env(json!({ "name": "1A" })), "write a name like LOG_LEVEL"),
        (env(json!({ "name": "A", "value": 1 })), "must be of type string"),
        (
            env(json!({
                "name": "A", "value": "a",
                "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } },
            })),
            "write value or valueFrom",
        ),
        (json!({ "env": [{ "name": "A" }, { "name": "A" }] }), "Duplicate value"),
        (from(json!({})), "write exactly one of secretKeyRef"),
        (from(json!({ "secretKeyRef": { "name": "a" } })), "key: Required value"),
        (
            from(json!({ "secretKeyRef": { "name": "A", "key": "a" } })),
            "write the name as kubectl get shows it",
        ),
        (from(json!({ "configMapKeyRef": { "name": "a", "key": "a b" } })), "write a key"),
        (
            from(json!({ "fieldRef": { "fieldPath": "spec" } })),
            "write the path of a supported field",
        ),
        (from(json!({ "resourceFieldRef": { "resource": "cpu" } })), "write limits or requests"),
        (
            from(json!({ "resourceFieldRef": { "resource": "limits.memory", "divisor": "2Mi" } })),
            "supported values: \"1m\", \"1\"",
        ),
        (json!({ "envFrom": [{}] }), "write exactly one of secretRef and configMapRef"),
        (
            json!({ "envFrom": [{ "prefix": "1", "secretRef": { "name": "a" } }] }),
            "write a prefix like DB_",
        ),
        (json!({ "resources": { "limits": { "cpu": "much" } } }), "write a quantity like 500m"),
        (json!({ "imagePullSecrets": [{ "name": "a" }, { "name": "a" }] }), "Duplicate value"),
        (
            json!({ "pullPolicy": "Sometimes" }),
            "supported values: \"Always\", \"IfNotPresent\", \"Never\"",
        ),
        (json!({ "revision": "" }), "should be at least 1 chars long"),
        (json!({ "probes": { "readiness": { "path": "healthz" } } }), "write a path from the root"),
        (
            json!({ "probes": { "liveness": { "periodSeconds": 0 } } }),
            "should be greater than or equal to 1",
        ),
        (json!({ "podSecurity": { "runAsUser": 0, "runAsNonRoot": true } }), "user 0 is root"),
        (json!({ "source": { "pullRequest": 0 } }), "should be greater than or equal to 1"),
        (json!({ "source": { "branch": "a\nb" } }), "write one line of text"),
        (json!({ "source": { "author": "a\u{202e}b" } }), "write one line of text"),
        (json!({ "source": { "url": "https://a/\u{9b}b" } }), "write a whole address"),
        (json!({ "revision": "a\u{9b}b" }), "write one line of text"),
        (json!({ "source": { "url": "javascript:alert(1)" } }), "write a whole address"),
        (json!({ "suspend": "yes" }), "must be of type boolean"),
        (json!({ "podSecurity": { "runAsUser": -1 } }), "should be greater than or equal to 0"),
    ]
}

/// Invalid values of `route`, each with a part of its rejection.
fn invalid_route_fields() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "route": { "whenSuspended": "Hide" } }), "supported values: \"Keep\", \"Remove\""),
        (
            json!({ "route": { "type": "Route" } }),
            "supported values: \"HTTPRoute\", \"Ingress\", \"Mapping\", \"None\"",
        ),
        (
            json!({ "route": { "parentRefs": [{ "name": "a" }] } }),
            "write type: HTTPRoute, or leave parentRefs out",
        ),
        (
            json!({ "route": { "type": "HTTPRoute", "parentRefs": [{ "name": "A" }] } }),
            "write the name as kubectl get shows it",
        ),
        (
            json!({ "route": { "type": "Mapping", "ingressClassName": "a" } }),
            "write type: Ingress, or leave ingressClassName out",
        ),
        (
            json!({ "route": { "type": "HTTPRoute", "tls": { "secretName": "a" } } }),
            "only an Ingress has a certificate of its own",
        ),
        (
            json!({
                "route": { "type": "Ingress", "tls": { "issuer": "a", "clusterIssuer": "b" } },
            }),
            "write issuer or clusterIssuer, not both",
        ),
        (
            json!({ "route": { "type": "Ingress", "tls": { "issuer": "a", "secretName": "b" } } }),
            "leave secretName out, or leave the issuer out",
        ),
        (json!({ "route": { "path": "/a/../b" } }), "write a path from the root"),
        (json!({ "route": { "path": "/a;b" } }), "like /app: no query"),
        (json!({ "route": { "path": "/a'b" } }), "no other characters"),
        (
            json!({ "route": { "path": "/${a}" } }),
            "of letters, digits, hyphens, underscores, dots and slashes",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rejection_of_an_invalid_field_names_a_correction() {
    let sandbox = Sandbox::new("fields").await;
    let resource = ApiResource::erase::<PreviewEnvironment>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(sandbox.client(), sandbox.namespace(), &resource);
    for (fields, expected) in invalid_fields().into_iter().chain(invalid_route_fields()) {
        let mut spec = json!({ "image": "app:1", "fqdn": "web.example.com" });
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let mut object = DynamicObject::new("web", &resource);
        object.data = json!({ "spec": spec });
        match api.create(&PostParams::default(), &object).await {
            Err(kube::Error::Api(status)) => {
                assert!(
                    status.message.contains(expected),
                    "{fields}: {expected:?} is not in: {}",
                    status.message
                );
            }
            other => panic!("{fields}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn privileges_are_unknown_fields() {
    let sandbox = Sandbox::new("privileges").await;
    let api: Api<PreviewEnvironment> = sandbox.api();
    for (field, value) in [
        ("privileged", json!(true)),
        ("hostNetwork", json!(true)),
        ("capabilities", json!({ "add": ["SYS_ADMIN"] })),
    ] {
        let spec =
            json!({ "image": "app:1", "fqdn": "web.example.com", "podSecurity": { field: value } });
        let body = json!({
            "apiVersion": "platform9.com/v1", "kind": "PreviewEnvironment",
            "metadata": { "name": "web" }, "spec": spec,
        });
        let params = PatchParams::apply("tests").validation_strict();
        let error = api.patch("web", &params, &Patch::Apply(body)).await.unwrap_err().to_string();
        assert!(error.contains(&format!("spec.podSecurity.{field}")), "{error}");
    }
}
