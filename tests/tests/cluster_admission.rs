//! What the API server takes and what it refuses, on a real control plane: every refusal says what
//! to write instead, any text arrives exactly, and what cannot work though the schema lets it pass
//! becomes a condition and not a loop.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use operator_api::echo::{Echo, ServiceType};
use operator_api::echo_test;
use serde_json::{Value, json};
use tests::cluster::{Operator, Sandbox, condition, seen};
use tests::fixtures::{AnyEcho, ExampleEcho, echo, test_echo};

/// Longer than the first delays between tries: whatever is tried again shows in it.
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

/// What the API server says to a resource of this group, name and spec; `None` when it takes it.
async fn answer(sandbox: &Sandbox, group: &str, name: &str, spec: &Value) -> Option<String> {
    let api = custom_resources(sandbox, group);
    let kind = if group == "platform9.com" { "PreviewEnvironment" } else { "Echo" };
    let body = json!({ "apiVersion": format!("{group}/v1"), "kind": kind, "metadata": { "name": name }, "spec": spec });
    match api.create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) => Some(status.message),
        Err(other) => panic!("{other}"),
    }
}

async fn are_refused(group: &str, rows: &[(&str, Value, &str)]) {
    let sandbox = Sandbox::new("refused").await;
    for (name, spec, says) in rows {
        let answer = answer(&sandbox, group, name, spec)
            .await
            .unwrap_or_else(|| panic!("{name} {spec} was taken"));
        assert!(
            answer.contains(says),
            "{name} {spec} was refused, but {says:?} is not in: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn echoes_that_cannot_work_are_refused_with_what_to_write_instead() {
    let big = "x".repeat(4097);
    are_refused(
        "example.com",
        &[
            ("web", json!({ "replicas": 101 }), "should be less than or equal to 100"),
            ("web", json!({ "replicas": -1 }), "should be greater than or equal to 0"),
            ("web", json!({ "replicas": "two" }), "must be of type integer"),
            ("web", json!({ "text": "" }), "leave text out instead"),
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
                "write type: NodePort beside nodePort",
            ),
            (
                "web",
                json!({ "service": { "type": "ClusterIP", "nodePort": 30_080 } }),
                "write type: NodePort beside nodePort",
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
            ("1-web", json!({}), "write for example web-1 rather than 1-web"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_nobody_knows_is_refused_where_that_is_asked_for_as_kubectl_does() {
    let sandbox = Sandbox::new("unknown").await;
    let body = json!({ "apiVersion": "example.com/v1", "kind": "Echo", "metadata": { "name": "web" }, "spec": { "replica": 2 } });
    let params = PatchParams::apply("tests").validation_strict();
    let refused =
        sandbox.api::<Echo>().patch("web", &params, &Patch::Apply(body)).await.unwrap_err();
    assert!(refused.to_string().contains("spec.replica"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn echoes_of_test_com_that_cannot_work_are_refused() {
    are_refused(
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
            ("1-web", json!({ "replicas": 1, "text": "hi" }), "has to begin with a letter"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_that_cannot_work_are_refused_with_what_to_write_instead() {
    let with_host = |fqdn: &str| json!({ "image": "a", "fqdn": fqdn });
    let with =
        |field: &str, text: &str| json!({ "image": "a", "fqdn": "a.example.com", field: text });
    let long_part = format!("{}.example.com", "x".repeat(64));
    are_refused(
        "platform9.com",
        &[
            ("web", json!({ "fqdn": "a.example.com" }), "spec.image: Required value"),
            ("web", json!({ "image": "a" }), "spec.fqdn: Required value"),
            (
                "web",
                json!({ "image": "a:b:c", "fqdn": "a.example.com" }),
                "write an image reference like",
            ),
            ("web", with_host("https://a.example.com"), "write the host name alone"),
            ("web", with_host("a.example.com/path"), "write the host name alone"),
            ("web", with_host("a.example.com:80"), "write the host name alone"),
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
                "write it in lower case and without a dot at the end: a.example.com",
            ),
            (
                "web",
                with_host("a.example.com."),
                "write it in lower case and without a dot at the end: a.example.com",
            ),
            ("web", with_host("preview"), "write the full host name with its domain"),
            ("web", with_host("192.0.2.1"), "not an IP address"),
            ("web", with_host("-a.example.com"), "with no hyphen at its beginning or end"),
            ("web", with_host(&long_part), "each part between the dots has 1 to 63 characters"),
            ("web", with("ttl", "3d"), "write numbers with units and no spaces, like 72h"),
            ("web", with("ttl", "0h"), "write a duration that is longer than zero"),
            (
                "web",
                with("expiresAt", "2030-01-31"),
                "write a moment with its seconds and its offset from UTC",
            ),
            ("web", with("expiresAt", "2030-02-30T12:00:00Z"), "there is no such day"),
        ],
    )
    .await;
}

/// What the kubelet makes of an argument where the pod has these variables and no others.
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
        "caf\u{e9} cafe\u{301} \u{1d11e} \u{202e}reversed \u{2028} \u{feff} \u{1f469}\u{200d}\u{1f680}",
        // What YAML takes for line breaks, and refuses.
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
async fn any_text_arrives_at_the_server_exactly_as_it_was_written() {
    let sandbox = Sandbox::new("text").await;
    let _operator = sandbox.operate().await;
    let texts = hostile_texts();
    for (number, text) in texts.iter().enumerate() {
        sandbox.create(&echo(&format!("ours-{number}")).with_replicas(0).with_text(text)).await;
        sandbox
            .create(&test_echo(&format!("theirs-{number}")).with_replicas(0).with_text(text))
            .await;
    }
    let variables = [("KUBERNETES_SERVICE_HOST", "10.96.0.1"), ("HOME", "/root"), ("", "empty")];
    for (number, text) in texts.iter().enumerate() {
        sandbox.ready::<Echo>(&format!("ours-{number}")).await;
        sandbox.ready::<echo_test::Echo>(&format!("theirs-{number}")).await;
        for name in [format!("ours-{number}"), format!("theirs-{number}-test-com")] {
            let deployment: Deployment = sandbox.get(&name).await;
            let args =
                deployment.spec.unwrap().template.spec.unwrap().containers.remove(0).args.unwrap();
            let [argument] = args.as_slice() else { panic!("{args:?}") };
            assert_eq!(expanded(argument, &variables), format!("-text={text}"));
        }
    }
}

/// Waits until the Echo says that it cannot work, and watches that this is not tried again and
/// again.
async fn is_parked(sandbox: &Sandbox, operator: &Operator, reason: &str, says: &str) {
    let web: Echo = sandbox.not_ready("web", reason).await;
    let stalled = condition(&web, "Stalled");
    assert_eq!(stalled.says(), ("True", reason));
    assert!(stalled.message.contains(says), "{says:?} is not in: {}", stalled.message);
    operator.rests(WINDOW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_no_program_can_be_started_with_waits_for_an_edit() {
    let sandbox = Sandbox::new("nul").await;
    let operator = sandbox.operate().await;
    sandbox.create(&echo("web").with_replicas(0).with_text("a\0b")).await;
    is_parked(&sandbox, &operator, "TextNotUsable", "leave it out").await;
    assert!(sandbox.find::<Deployment>("web").await.is_none());
    sandbox.merge::<Echo>("web", json!({ "spec": { "text": "ab" } })).await;
    sandbox.ready::<Echo>("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_port_outside_of_the_clusters_range_waits_for_an_edit() {
    let sandbox = Sandbox::new("range").await;
    let operator = sandbox.operate().await;
    sandbox
        .create(
            &echo("web")
                .with_replicas(0)
                .with_service(ServiceType::NodePort)
                .with_node_port(20_000),
        )
        .await;
    is_parked(&sandbox, &operator, "ApplyFailed", "The range of valid ports is 30000-32767").await;
    sandbox.merge::<Echo>("web", json!({ "spec": { "service": { "nodePort": null } } })).await;
    sandbox.ready::<Echo>("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_no_container_can_ask_for_waits_for_an_edit() {
    let sandbox = Sandbox::new("resource").await;
    let operator = sandbox.operate().await;
    sandbox.create(&echo("web").with_replicas(0).with_resources(&[], &[("horsepower", "1")])).await;
    is_parked(&sandbox, &operator, "ApplyFailed", "horsepower").await;
    sandbox.merge::<Echo>("web", json!({ "spec": { "resources": null } })).await;
    sandbox.ready::<Echo>("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_port_that_somebody_else_has_is_tried_again_until_it_is_free() {
    let sandbox = Sandbox::new("taken").await;
    let _operator = sandbox.operate().await;
    let theirs: Service = serde_json::from_value(json!({
        "metadata": { "name": "theirs" }, "spec": { "type": "NodePort", "ports": [{ "port": 80 }] },
    }))
    .unwrap();
    let port = sandbox.create(&theirs).await.spec.unwrap().ports.unwrap()[0].node_port.unwrap();
    sandbox
        .create(
            &echo("web").with_replicas(0).with_service(ServiceType::NodePort).with_node_port(port),
        )
        .await;
    let web: Echo = sandbox.not_ready("web", "ApplyFailed").await;
    let reconciling = condition(&web, "Reconciling");
    assert_eq!(reconciling.says(), ("True", "ApplyFailed"), "{}", seen(&web));
    assert!(reconciling.message.contains("already allocated"), "{}", reconciling.message);
    sandbox.delete::<Service>("theirs").await;
    sandbox.ready::<Echo>("web").await;
}
