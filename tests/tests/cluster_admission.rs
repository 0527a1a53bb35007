//! Which resources the API server accepts and which it rejects, on a real control plane. Every
//! rejection names a correction, any text arrives unchanged, and what passes the schema but cannot
//! work becomes a condition without a loop of retries.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use operator_api::echo::{Echo, ServiceType};
use operator_api::echo_test;
use serde_json::{Value, json};
use tests::cluster::{Operator, Sandbox, condition, describe};
use tests::fixtures::{EchoFixture, ExampleEchoFixture, echo, test_echo};

/// Longer than the first delays between retries, so that a retry is seen.
const WINDOW: Duration = Duration::from_secs(4);

fn custom_resources(sandbox: &Sandbox, group: &str) -> Api<DynamicObject> {
    let (kind, plural) = if group == "platform9.com" {
        ("PreviewEnvironment", "previewenvironments")
    } else {
        ("Echo", "echoes")
    };
    let resource =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural);
    Api::namespaced_with(sandbox.client(), sandbox.namespace(), &resource)
}

/// The API server's error for a resource of this group, name and spec; `None` when it accepts it.
async fn rejection(sandbox: &Sandbox, group: &str, name: &str, spec: &Value) -> Option<String> {
    let api = custom_resources(sandbox, group);
    let kind = if group == "platform9.com" { "PreviewEnvironment" } else { "Echo" };
    let body = json!({
        "apiVersion": format!("{group}/v1"), "kind": kind, "metadata": { "name": name },
        "spec": spec,
    });
    match api.create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) => Some(status.message),
        Err(other) => panic!("{other}"),
    }
}

async fn assert_rejected(group: &str, rows: &[(&str, Value, &str)]) {
    let sandbox = Sandbox::new("rejected").await;
    for (name, spec, expected) in rows {
        let message = rejection(&sandbox, group, name, spec)
            .await
            .unwrap_or_else(|| panic!("{name} {spec} was accepted"));
        assert!(
            message.contains(expected),
            "{name} {spec}: the message does not contain {expected:?}: {message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rejection_of_an_echo_names_a_correction() {
    let big = "x".repeat(4097);
    assert_rejected(
        "example.com",
        &[
            ("web", json!({ "replicas": 101 }), "should be less than or equal to 100"),
            ("web", json!({ "replicas": -1 }), "should be greater than or equal to 0"),
            ("web", json!({ "replicas": "two" }), "must be of type integer"),
            ("web", json!({ "text": "" }), "leave text out to get the request itself"),
            ("web", json!({ "text": big }), "may not be more than 4096"),
            ("web", json!({ "image": "https://example.com/a" }), "no https://"),
            ("web", json!({ "image": "example.com/Upper" }), "the repository in lower case"),
            ("web", json!({ "image": "a b" }), "no spaces"),
            (
                "web",
                json!({ "service": { "type": "ExternalName" } }),
                "supported values: \"ClusterIP\", \"NodePort\", \"LoadBalancer\"",
            ),
            ("web", json!({ "service": { "port": 0 } }), "should be greater than or equal to 1"),
            (
                "web",
                json!({ "service": { "port": 65_536 } }),
                "should be less than or equal to 65535",
            ),
            (
                "web",
                json!({ "service": { "nodePort": 30_080 } }),
                "write type: NodePort, or leave nodePort out",
            ),
            (
                "web",
                json!({ "service": { "type": "ClusterIP", "nodePort": 30_080 } }),
                "write type: NodePort, or leave nodePort out",
            ),
            (
                "web",
                json!({ "resources": { "limits": { "cpu": "much" } } }),
                "write a quantity like 500m",
            ),
            (
                "web",
                json!({ "resources": { "requests": { "memory": "-1Gi" } } }),
                "write a quantity like 500m",
            ),
            (
                "web",
                json!({ "resources": { "requests": { "cpu": "2" }, "limits": { "cpu": "1" } } }),
                "a request is higher than the limit",
            ),
            ("1-web", json!({}), "write for example web-1 instead of 1-web"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_validation_rejects_an_unknown_field() {
    let sandbox = Sandbox::new("unknown").await;
    let body = json!({
        "apiVersion": "example.com/v1", "kind": "Echo", "metadata": { "name": "web" },
        "spec": { "replica": 2 },
    });
    let params = PatchParams::apply("tests").validation_strict();
    let error = sandbox.api::<Echo>().patch("web", &params, &Patch::Apply(body)).await.unwrap_err();
    assert!(error.to_string().contains("spec.replica"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rejection_of_an_echo_of_test_com_names_the_field() {
    assert_rejected(
        "test.com",
        &[
            ("web", json!({ "replicas": 1 }), "spec.text: Required value"),
            ("web", json!({ "text": "hi" }), "spec.replicas: Required value"),
            (
                "web",
                json!({ "replicas": 101, "text": "hi" }),
                "should be less than or equal to 100",
            ),
            ("web", json!({ "replicas": 1, "text": "" }), "should be at least 1 chars long"),
            ("1-web", json!({ "replicas": 1, "text": "hi" }), "must start with a letter"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rejection_of_a_preview_names_a_correction() {
    let with_host = |fqdn: &str| json!({ "image": "a", "fqdn": fqdn });
    let with =
        |field: &str, text: &str| json!({ "image": "a", "fqdn": "a.example.com", field: text });
    let long_part = format!("{}.example.com", "x".repeat(64));
    assert_rejected(
        "platform9.com",
        &[
            ("web", json!({ "fqdn": "a.example.com" }), "spec.image: Required value"),
            ("web", json!({ "image": "a" }), "spec.fqdn: Required value"),
            (
                "web",
                json!({ "image": "a:b:c", "fqdn": "a.example.com" }),
                "write an image reference like",
            ),
            ("web", with_host("https://a.example.com"), "write only the host name"),
            ("web", with_host("a.example.com/path"), "write only the host name"),
            ("web", with_host("a.example.com:80"), "write only the host name"),
            ("web", with_host("*.example.com"), "without a *"),
            ("web", with_host("*"), "without a *"),
            (
                "web",
                with_host("b\u{fc}cher.example.com"),
                "xn--bcher-kva.example.com for b\u{fc}cher.example.com",
            ),
            (
                "web",
                with_host("A.example.com"),
                "write the host in lower case and without a dot at the end: a.example.com",
            ),
            (
                "web",
                with_host("a.example.com."),
                "write the host in lower case and without a dot at the end: a.example.com",
            ),
            ("web", with_host("preview"), "write the full host name with its domain"),
            ("web", with_host("192.0.2.1"), "not an IP address"),
            ("web", with_host("-a.example.com"), "with no hyphen at the start or end of a part"),
            ("web", with_host(&long_part), "write parts of 1 to 63 characters between the dots"),
            ("web", with("ttl", "3d"), "write numbers with units and no spaces, like 72h"),
            ("web", with("ttl", "0h"), "write a duration that is longer than zero"),
            (
                "web",
                with("expiresAt", "2030-01-31"),
                "write a time with seconds and an offset from UTC",
            ),
            ("web", with("expiresAt", "2030-02-30T12:00:00Z"), "the day does not exist"),
        ],
    )
    .await;
}

/// Expands an argument as the kubelet does in a pod with these variables.
fn expanded(argument: &str, variables: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = argument;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        rest = after;
        let reference = after.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        let value =
            reference.and_then(|(name, _)| variables.iter().find(|(known, _)| *known == name));
        if let (Some((_, after)), Some((_, value))) = (reference, value) {
            out.push_str(value);
            rest = after;
        } else {
            out.push('$');
        }
    }
    out + rest
}

fn hostile_texts() -> Vec<String> {
    let texts = [
        "hello",
        " ",
        "--",
        "-listen=:1",
        "-text=twice",
        "\"double\" 'single' `back` \\ \\n \\\"",
        "$(KUBERNETES_SERVICE_HOST) $(HOME) $HOME ${HOME} $$(HOME) $$$(HOME) $() $( $",
        "$$$$$",
        "two\nlines\r\nand\ttabs\n",
        "\n",
        "\u{1b}[31mred\u{7} \u{7f}",
        "caf\u{e9} cafe\u{301} \u{1d11e} \u{202e}reversed \u{2028} \u{feff} \
         \u{1f469}\u{200d}\u{1f680}",
        // Characters that YAML reads as line breaks or rejects.
        "a \u{85} b \u{2028} c \u{2029} d\u{85}e",
        "\u{80}\u{9f}\u{a0}\u{fffd}\u{fffe}\u{ffff}\u{10ffff}",
        "yes",
        "12:30",
        "null",
        "{\"json\": true}",
        "- a: &b !!c |\n  # d",
        "{{ .Values.text }} %s %d",
        "; rm -rf / & | > < ( ) * ? [ ] ! ~",
    ];
    let long = ["x", "$", "\u{1d11e}"].map(|character| character.repeat(4096));
    texts.into_iter().map(str::to_owned).chain(long).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_text_arrives_at_the_server_unchanged() {
    let sandbox = Sandbox::new("text").await;
    let _operator = sandbox.start_operator().await;
    let texts = hostile_texts();
    for (number, text) in texts.iter().enumerate() {
        sandbox.create(&echo(&format!("example-{number}")).with_replicas(0).with_text(text)).await;
        sandbox
            .create(&test_echo(&format!("test-{number}")).with_replicas(0).with_text(text))
            .await;
    }
    let variables = [("KUBERNETES_SERVICE_HOST", "10.96.0.1"), ("HOME", "/root"), ("", "empty")];
    for (number, text) in texts.iter().enumerate() {
        sandbox.until_ready::<Echo>(&format!("example-{number}")).await;
        sandbox.until_ready::<echo_test::Echo>(&format!("test-{number}")).await;
        for name in [format!("example-{number}"), format!("test-{number}-test-com")] {
            let deployment: Deployment = sandbox.get(&name).await;
            let args =
                deployment.spec.unwrap().template.spec.unwrap().containers.remove(0).args.unwrap();
            let [argument] = args.as_slice() else { panic!("{args:?}") };
            assert_eq!(expanded(argument, &variables), format!("-text={text}"));
        }
    }
}

/// Waits until the Echo is stalled for this reason, and checks that the operator does not retry.
async fn until_stalled(sandbox: &Sandbox, operator: &Operator, reason: &str, message: &str) {
    let web: Echo = sandbox.until_not_ready("web", reason).await;
    let stalled = condition(&web, "Stalled");
    assert_eq!(stalled.status_and_reason(), ("True", reason));
    assert!(stalled.message.contains(message), "{message:?} is not in: {}", stalled.message);
    operator.assert_at_rest(WINDOW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_nul_waits_for_an_edit() {
    let sandbox = Sandbox::new("nul").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(0).with_text("a\0b")).await;
    until_stalled(&sandbox, &operator, "TextNotUsable", "has a NUL character").await;
    assert!(sandbox.find::<Deployment>("web").await.is_none());
    sandbox.merge::<Echo>("web", json!({ "spec": { "text": "ab" } })).await;
    sandbox.until_ready::<Echo>("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_port_outside_the_range_of_the_cluster_waits_for_an_edit() {
    let sandbox = Sandbox::new("range").await;
    let operator = sandbox.start_operator().await;
    sandbox
        .create(
            &echo("web")
                .with_replicas(0)
                .with_service(ServiceType::NodePort)
                .with_node_port(20_000),
        )
        .await;
    until_stalled(&sandbox, &operator, "ApplyFailed", "The range of valid ports is 30000-32767")
        .await;
    sandbox.merge::<Echo>("web", json!({ "spec": { "service": { "nodePort": null } } })).await;
    sandbox.until_ready::<Echo>("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_container_resource_waits_for_an_edit() {
    let sandbox = Sandbox::new("resource").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(0).with_resources(&[], &[("horsepower", "1")])).await;
    until_stalled(&sandbox, &operator, "ApplyFailed", "horsepower").await;
    sandbox.merge::<Echo>("web", json!({ "spec": { "resources": null } })).await;
    sandbox.until_ready::<Echo>("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_port_in_use_is_retried_until_it_is_free() {
    let sandbox = Sandbox::new("taken").await;
    let _operator = sandbox.start_operator().await;
    let other: Service = serde_json::from_value(json!({
        "metadata": { "name": "other" }, "spec": { "type": "NodePort", "ports": [{ "port": 80 }] },
    }))
    .unwrap();
    let port = sandbox.create(&other).await.spec.unwrap().ports.unwrap()[0].node_port.unwrap();
    sandbox
        .create(
            &echo("web").with_replicas(0).with_service(ServiceType::NodePort).with_node_port(port),
        )
        .await;
    let web: Echo = sandbox.until_not_ready("web", "ApplyFailed").await;
    let reconciling = condition(&web, "Reconciling");
    assert_eq!(reconciling.status_and_reason(), ("True", "ApplyFailed"), "{}", describe(&web));
    assert!(reconciling.message.contains("already allocated"), "{}", reconciling.message);
    sandbox.delete::<Service>("other").await;
    sandbox.until_ready::<Echo>("web").await;
}
