//! The binary `kubectl-preview` on a real control plane with a running operator: its output, the
//! fields that it changes, and its exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role, RoleBinding};
use kube::ResourceExt;
use kube::api::ListParams;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{SOON, Sandbox, eventually, kubeconfig_of};
use tests::fixtures::{Fixture, PreviewFixture, preview};
use tests::programs::kubectl_preview;

/// The rights that the documentation recommends.
fn documented_rights() -> ClusterRole {
    let page = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/previews/command-line.md"
    ))
    .unwrap();
    let yaml = page
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the page has them");
    serde_saphyr::from_str(yaml).unwrap()
}

/// The result of a call.
#[derive(Debug)]
struct Outcome {
    code: i32,
    output: String,
    errors: String,
}

impl Outcome {
    #[track_caller]
    fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.output, self.errors);
        self
    }

    #[track_caller]
    fn reports(&self, part: &str) {
        assert!(self.errors.contains(part), "{part:?} is not in {}", self.errors);
    }

    #[track_caller]
    fn shows(&self, parts: &[&str]) {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in parts {
            assert!(words(&self.output).contains(part), "{part:?} is not in\n{}", self.output);
        }
    }
}

/// Runs `kubectl-preview ARGS` with this kubeconfig and namespace.
async fn call(kubeconfig: &Path, namespace: &str, args: &[&str]) -> Outcome {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let (kubeconfig, namespace) = (kubeconfig.to_owned(), namespace.to_owned());
    let run = move || {
        let mut command = Command::new(kubectl_preview());
        command.arg("--kubeconfig").arg(kubeconfig).args(args).args(["-n", &namespace]);
        let output = command.output().unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            output: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

async fn run(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    call(sandbox.cluster().kubeconfig(), sandbox.namespace(), args).await
}

fn ends(preview: &PreviewEnvironment) -> Option<String> {
    preview.spec.expires_at.as_ref().map(|time| time.0.to_string())
}

/// A test of `kubectl-preview` compares the documented rights with the kinds that `status` shows.
#[test]
fn the_documented_rights_include_every_kind_that_a_preview_owns() {
    let names = |rule: PolicyRule| {
        let group = rule.api_groups.unwrap_or_default().concat();
        let suffix = if group.is_empty() { group } else { format!(".{group}") };
        let resources = rule.resources.unwrap_or_default().into_iter();
        resources.map(move |resource| format!("{resource}{suffix}")).collect::<Vec<_>>()
    };
    let documented: BTreeSet<String> =
        documented_rights().rules.unwrap_or_default().into_iter().flat_map(names).collect();
    let registry = operator::registry();
    let controller = registry.controller_of("platform9.com/v1", "PreviewEnvironment").unwrap();
    for owned in controller.owns() {
        assert!(documented.contains(&owned.info.resource()), "{}", owned.info);
    }
}

/// Asserts that `status` shows the preview `pr-17` in full and nothing of `pr-18`.
async fn assert_status_shows_one_preview(sandbox: &Sandbox) {
    let status = run(sandbox, &["status", "pr-17"]).await.exits_with(0);
    status.shows(&[
        "State: Ready",
        "URL: http://pr-17.example.com",
        "Revision: one, live",
        "Pods: 1/1 ready",
        "Expires: never",
    ]);
    status.shows(&[
        "Source: github team/app #17, by octocat",
        "Ready True",
        "RouteAccepted True",
        "Objects:",
    ]);
    status.shows(&[
        "Deployment pr-17 Ready 1/1 replicas ready",
        "Service pr-17 Ready",
        "Ingress pr-17 Ready",
        "Pod pr-17-",
    ]);
    assert!(
        !status.output.contains("pr-18") && !status.output.contains("Not shown"),
        "{}",
        status.output
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_status_list_and_open_show_a_preview() {
    let sandbox = Sandbox::new("cli-show").await;
    run(&sandbox, &["list"]).await.exits_with(0).reports("has no previews");
    let source = json!({
        "provider": "github", "repository": "team/app", "pullRequest": 17, "author": "octocat",
    });
    let fields = json!({ "route": { "type": "Ingress" }, "source": source, "revision": "one" });
    sandbox.create(&preview("pr-17").with_fields(fields).labelled("team", "web")).await;
    sandbox.create(&preview("pr-18").with_fields(json!({ "route": { "type": "None" } }))).await;

    let in_time = run(&sandbox, &["wait", "pr-17", "--timeout", "1s"]).await.exits_with(1);
    in_time.reports("pr-17 was not ready after 1s: the operator has not reported a status");
    run(&sandbox, &["open", "pr-17", "--print"])
        .await
        .exits_with(1)
        .reports("has not processed the last change yet");

    let waiting = run(&sandbox, &["wait", "pr-18", "--timeout", "60s"]);
    let (operator, waited) = tokio::join!(sandbox.start_operator(), waiting);
    let waited = waited.exits_with(0);
    waited.reports("  Ready is True: ");
    waited.reports("pr-18 is ready and has no URL: ");
    assert_eq!(waited.output, "", "the output has more than the URL");
    sandbox.until_not_ready::<PreviewEnvironment>("pr-17", "WaitingForController").await;
    let waited = run(&sandbox, &["wait", "pr-17", "--timeout", "1s"]).await.exits_with(1);
    waited.reports("pr-17 was not ready after 1s: Ingress pr-17 has no address yet");
    let nowhere = run(&sandbox, &["open", "pr-17", "--print"]).await.exits_with(1);
    nowhere.reports("(WaitingForController)");
    run(&sandbox, &["wait", "pr-18"]).await.exits_with(0);
    run(&sandbox, &["open", "pr-18"]).await.exits_with(1).reports("(NotRequested)");

    sandbox.set_address("pr-17").await;
    let reached =
        |web: &PreviewEnvironment| web.status.as_ref().is_some_and(|status| status.url.is_some());
    sandbox.until("pr-17", "has a URL", reached).await;
    for args in
        [&["wait", "pr-17"][..], &["wait", "pr-17", "--quiet"], &["open", "pr-17", "--print"]]
    {
        assert_eq!(
            run(&sandbox, args).await.exits_with(0).output,
            "http://pr-17.example.com\n",
            "{args:?}"
        );
    }

    assert_status_shows_one_preview(&sandbox).await;

    let list = run(&sandbox, &["list"]).await.exits_with(0);
    list.shows(&[
        "NAME STATE URL EXPIRES PR AGE MESSAGE",
        "pr-17 Ready http://pr-17.example.com never 17",
        "pr-18 Ready - never -",
    ]);
    assert_eq!(list.output.lines().count(), 3, "{}", list.output);
    let names = run(&sandbox, &["list", "-l", "team=web", "-o", "name"]).await.exits_with(0).output;
    assert_eq!(names, "previewenvironment.platform9.com/pr-17\n");
    run(&sandbox, &["status", names.trim()]).await.exits_with(0);
    let whole: Value =
        serde_json::from_str(&run(&sandbox, &["list", "-o", "json"]).await.output).unwrap();
    assert_eq!((&whole["kind"], whole["items"].as_array().unwrap().len()), (&json!("List"), 2));
    let one: Value =
        serde_saphyr::from_str(&run(&sandbox, &["status", "pr-17", "-o", "yaml"]).await.output)
            .unwrap();
    assert_eq!(
        (&one["kind"], &one["spec"]["source"]["pullRequest"]),
        (&json!("PreviewEnvironment"), &json!(17))
    );
    drop(operator);
}

#[tokio::test(flavor = "multi_thread")]
async fn extend_and_pin_change_one_field_and_never_shorten_the_lifetime() {
    let sandbox = Sandbox::new("cli-live").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "route": { "type": "None" } }))).await;
    run(&sandbox, &["wait", "web"]).await.exits_with(0);
    run(&sandbox, &["extend", "web", "--by", "1h"])
        .await
        .exits_with(1)
        .reports("web never expires");
    let past =
        run(&sandbox, &["extend", "web", "--until", "2020-01-01T00:00Z"]).await.exits_with(2);
    past.reports("2020-01-01T00:00:00Z has passed, and the operator would delete web at once");

    let until =
        run(&sandbox, &["extend", "web", "--until", "2098-12-31T12:00+01:00"]).await.exits_with(0);
    until.shows(&["web: expires at 2098-12-31T11:00:00Z (in "]);
    let web: PreviewEnvironment = sandbox.get("web").await;
    assert_eq!(ends(&web).as_deref(), Some("2098-12-31T11:00:00Z"));
    let changed = web
        .managed_fields()
        .iter()
        .find(|entry| entry.manager.as_deref() == Some("kubectl-preview"))
        .unwrap();
    assert_eq!(
        changed.fields_v1.as_ref().unwrap().0,
        json!({ "f:spec": { "f:expiresAt": {} } }),
        "the command changed other fields"
    );
    assert_eq!(changed.subresource, None, "the command changed the status");

    run(&sandbox, &["wait", "web"]).await.exits_with(0);
    let sooner =
        run(&sandbox, &["extend", "web", "--until", "2098-01-01T00:00Z"]).await.exits_with(0);
    sooner.shows(&["web: no change: expires at 2098-12-31T11:00:00Z"]);
    assert_eq!(ends(&sandbox.get("web").await).as_deref(), Some("2098-12-31T11:00:00Z"));
    run(&sandbox, &["extend", "web", "--by", "24h"]).await.exits_with(0);
    assert_eq!(ends(&sandbox.get("web").await).as_deref(), Some("2099-01-01T11:00:00Z"));

    run(&sandbox, &["pin", "web"]).await.exits_with(0).shows(&["web: pinned; it does not expire"]);
    let pinned: PreviewEnvironment = sandbox.get("web").await;
    assert_eq!(pinned.spec.pinned, Some(true));
    run(&sandbox, &["pin", "web"]).await.exits_with(0).shows(&["web: already pinned"]);
    let again: PreviewEnvironment = sandbox.get("web").await;
    assert_eq!(
        again.metadata.generation, pinned.metadata.generation,
        "a command without effect wrote the preview"
    );
    run(&sandbox, &["list"]).await.shows(&["web Ready - pinned"]);
    run(&sandbox, &["status", "web"]).await.shows(&["Expires: never while it is pinned"]);
    run(&sandbox, &["unpin", "web"]).await.exits_with(0).shows(&["web: unpinned"]);
    assert!(!sandbox.get::<PreviewEnvironment>("web").await.spec.is_pinned());
}

#[tokio::test(flavor = "multi_thread")]
async fn extend_adds_to_the_expiry_in_the_status() {
    let sandbox = Sandbox::new("cli-ttl").await;
    let _operator = sandbox.start_operator().await;
    sandbox
        .create(&preview("web").with_fields(json!({ "ttl": "72h", "route": { "type": "None" } })))
        .await;
    run(&sandbox, &["wait", "web"]).await.exits_with(0);
    let web: PreviewEnvironment = sandbox.get("web").await;
    let end = web.status.unwrap().expires_at.expect("the status has expiresAt").0;
    run(&sandbox, &["list"]).await.shows(&["web Ready - in 2d23h"]);
    run(&sandbox, &["status", "web"]).await.shows(&[&format!("({end}, from spec.ttl 72h)")]);
    let extended = run(&sandbox, &["extend", "web", "--by", "24h"]).await.exits_with(0);
    let later = end + Duration::from_hours(24);
    extended.shows(&[&format!("web: expires at {later} (in 3d23h)")]);
    let web: PreviewEnvironment = sandbox.get("web").await;
    assert_eq!(
        (ends(&web), web.spec.ttl.as_deref()),
        (Some(later.to_string()), Some("72h")),
        "the command changed other fields"
    );
    assert_eq!(
        web.status.unwrap().expires_at.unwrap().0,
        later,
        "the printed end differs from the status"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sleep_wake_and_wait_work_together() {
    let sandbox = Sandbox::new("cli-sleep").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "route": { "type": "None" } }))).await;
    run(&sandbox, &["wait", "web"]).await.exits_with(0);
    let done = run(&sandbox, &["sleep", "webb", "web"]).await.exits_with(3);
    done.reports("has no preview webb");
    done.reports("; similar names: web");
    done.shows(&["web: suspended; its pods stop"]);
    sandbox.until_none::<Pod>().await;
    run(&sandbox, &["wait", "web"])
        .await
        .exits_with(0)
        .reports("web is ready and has no URL: it is suspended; `kubectl preview wake web` starts");
    run(&sandbox, &["list"]).await.shows(&["web Sleeping - never"]);
    run(&sandbox, &["wake", "web"]).await.exits_with(0).shows(&["web: resumed; its pods start"]);
    run(&sandbox, &["wait", "web"]).await.exits_with(0);
    assert_eq!(
        sandbox.api::<Pod>().list(&ListParams::default()).await.unwrap().items.len(),
        1,
        "a ready preview has no pod"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_differ_for_an_unmet_condition_a_missing_preview_and_missing_rights() {
    let sandbox = Sandbox::new("cli-codes").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "route": { "type": "HTTPRoute" } }))).await;
    let stalled = run(&sandbox, &["wait", "web", "--timeout", "5m"]).await.exits_with(1);
    stalled.reports("web needs an edit to become ready: ");
    stalled.reports("(GatewayMissing)");
    run(&sandbox, &["status", "web"]).await.exits_with(0).shows(&["State: Stalled"]);
    for args in
        [&["status", "other"][..], &["wait", "other"], &["open", "other"], &["pin", "other"]]
    {
        run(&sandbox, args).await.exits_with(3).reports("has no preview other");
    }
    let elsewhere = Sandbox::new("cli-other").await;
    let found = run(&elsewhere, &["status", "web"]).await.exits_with(3);
    found.reports("has no preview web");

    sandbox
        .create(
            &serde_json::from_value::<ServiceAccount>(json!({ "metadata": { "name": "jane" } }))
                .unwrap(),
        )
        .await;
    let folder = tempfile::tempdir().unwrap();
    let jane = kubeconfig_of(sandbox.cluster(), sandbox.namespace(), "jane", folder.path()).await;
    for args in [&["list"][..], &["status", "web"], &["wait", "web"], &["sleep", "web"]] {
        let refused = call(&jane, sandbox.namespace(), args).await.exits_with(4);
        refused.reports("access denied: previewenvironments.platform9.com ");
        refused.reports("is forbidden");
    }
    assert_documented_rights_are_enough(&sandbox, "jane", &jane).await;
}

/// Checks that every command works with the documented rights, and that status hides nothing.
async fn assert_documented_rights_are_enough(sandbox: &Sandbox, account: &str, kubeconfig: &Path) {
    let api_version = "rbac.authorization.k8s.io/v1";
    let (rules, metadata) = (documented_rights().rules, json!({ "name": account }));
    let role = json!({
        "apiVersion": api_version, "kind": "Role", "metadata": metadata, "rules": rules,
    });
    sandbox.apply::<Role>(account, role).await;
    let subject = json!({
        "kind": "ServiceAccount", "name": account, "namespace": sandbox.namespace(),
    });
    let binding = json!({
        "apiVersion": api_version, "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account,
        },
        "subjects": [subject],
    });
    sandbox.apply::<RoleBinding>(account, binding).await;
    eventually(SOON, "the rights are in force", async || {
        let list = call(kubeconfig, sandbox.namespace(), &["list"]).await;
        if list.code == 0 { Ok(()) } else { Err(list.errors) }
    })
    .await;
    let status = call(kubeconfig, sandbox.namespace(), &["status", "web"]).await.exits_with(0);
    assert!(!status.output.contains("Not shown"), "{}", status.output);
    call(kubeconfig, sandbox.namespace(), &["sleep", "web"])
        .await
        .exits_with(0)
        .shows(&["web: suspended; its pods stop"]);
    call(kubeconfig, sandbox.namespace(), &["wait", "web"]).await.exits_with(1);
}
