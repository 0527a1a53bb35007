//! The command line of previews on a real control plane, with the operator at work: what people
//! see, what is changed by it, and what scripts go by.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::rbac::v1::{ClusterRole, Role, RoleBinding};
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kubewright::cli::{Program, Streams};
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{SOON, Sandbox, eventually, kubeconfig_of};
use tests::fixtures::{Fixture, Preview, preview};

/// The rights that the documentation tells administrators to give.
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

/// How a call ended.
#[derive(Debug)]
struct Outcome {
    code: u8,
    output: String,
    errors: String,
}

impl Outcome {
    #[track_caller]
    fn ended_with(self, code: u8) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.output, self.errors);
        self
    }

    #[track_caller]
    fn complains(&self, part: &str) {
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

/// The program as its `main` makes it, on a thread of its own, with this kubeconfig: `kubectl
/// preview ARGS`, the namespace added.
async fn call(kubeconfig: &Path, namespace: &str, args: &[&str]) -> Outcome {
    let path = kubeconfig.to_str().unwrap();
    let args = [&["kubectl-preview", "--kubeconfig", path], args, &["-n", namespace]].concat();
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    let work = move || {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut streams = Streams {
            input: &mut std::io::empty(),
            output: &mut output,
            errors: &mut errors,
            colour: false,
        };
        let code = Program::new(operator::registry())
            .with_extension(preview_cli::extension())
            .execute(args, &mut streams);
        let code = (0..=255).find(|number| ExitCode::from(*number) == code).unwrap();
        Outcome {
            code,
            output: String::from_utf8(output).unwrap(),
            errors: String::from_utf8(errors).unwrap(),
        }
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn ask(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    call(sandbox.cluster().kubeconfig(), sandbox.namespace(), args).await
}

/// Does the work of an ingress controller: gives the route of `name` an address.
async fn address(sandbox: &Sandbox, name: &str) {
    let api: Api<Ingress> = sandbox.api();
    let patch = Patch::Merge(
        json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } } }),
    );
    api.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

fn ends(preview: &PreviewEnvironment) -> Option<String> {
    preview.spec.expires_at.as_ref().map(|time| time.0.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_waited_for_and_shown_and_opened() {
    let sandbox = Sandbox::new("cli-show").await;
    ask(&sandbox, &["list"])
        .await
        .ended_with(0)
        .complains("There is no preview in namespace t-cli-show");
    let source = json!({ "provider": "github", "repository": "team/app", "pullRequest": 17, "author": "octocat" });
    let fields = json!({ "route": { "type": "Ingress" }, "source": source, "revision": "one" });
    sandbox.create(&preview("pr-17").with(fields).labelled("team", "web")).await;
    sandbox.create(&preview("pr-18").with(json!({ "route": { "type": "None" } }))).await;

    let in_time = ask(&sandbox, &["wait", "pr-17", "--timeout", "1s"]).await.ended_with(1);
    in_time.complains("pr-17 was not ready within 1s: the operator has not said anything about it; is it running?");
    ask(&sandbox, &["open", "pr-17", "--print"])
        .await
        .ended_with(1)
        .complains("has not looked at its last change yet");

    let waiting = ask(&sandbox, &["wait", "pr-18", "--timeout", "60s"]);
    let (operator, waited) = tokio::join!(sandbox.operate(), waiting);
    let waited = waited.ended_with(0);
    waited.complains("  Ready is True: ");
    waited.complains("pr-18 is ready, and has no URL: ");
    assert_eq!(waited.output, "", "the output is the URL and nothing else");
    sandbox.ready::<PreviewEnvironment>("pr-17").await;
    let waited = ask(&sandbox, &["wait", "pr-17", "--timeout", "1s"]).await.ended_with(1);
    waited.complains("pr-17 was not ready within 1s: Ingress pr-17 has no address yet");
    let nowhere = ask(&sandbox, &["open", "pr-17", "--print"]).await.ended_with(1);
    nowhere.complains("(WaitingForController)");
    ask(&sandbox, &["wait", "pr-18"]).await.ended_with(0);
    ask(&sandbox, &["open", "pr-18"]).await.ended_with(1).complains("(NotRequested)");

    address(&sandbox, "pr-17").await;
    let reached =
        |web: &PreviewEnvironment| web.status.as_ref().is_some_and(|status| status.url.is_some());
    sandbox.until("pr-17", "is reached", reached).await;
    for args in
        [&["wait", "pr-17"][..], &["wait", "pr-17", "--quiet"], &["open", "pr-17", "--print"]]
    {
        assert_eq!(
            ask(&sandbox, args).await.ended_with(0).output,
            "http://pr-17.example.com\n",
            "{args:?}"
        );
    }

    let status = ask(&sandbox, &["status", "pr-17"]).await.ended_with(0);
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

    let list = ask(&sandbox, &["list"]).await.ended_with(0);
    list.shows(&[
        "NAME STATE URL EXPIRES PR AGE",
        "pr-17 Ready http://pr-17.example.com never 17",
        "pr-18 Ready - never -",
    ]);
    assert_eq!(list.output.lines().count(), 3, "{}", list.output);
    let names = ask(&sandbox, &["list", "-l", "team=web", "-o", "name"]).await.ended_with(0).output;
    assert_eq!(names, "previewenvironment.platform9.com/pr-17\n");
    ask(&sandbox, &["status", names.trim()]).await.ended_with(0);
    let whole: Value =
        serde_json::from_str(&ask(&sandbox, &["list", "-o", "json"]).await.output).unwrap();
    assert_eq!((&whole["kind"], whole["items"].as_array().unwrap().len()), (&json!("List"), 2));
    let one: Value =
        serde_saphyr::from_str(&ask(&sandbox, &["status", "pr-17", "-o", "yaml"]).await.output)
            .unwrap();
    assert_eq!(
        (&one["kind"], &one["spec"]["source"]["pullRequest"]),
        (&json!("PreviewEnvironment"), &json!(17))
    );
    drop(operator);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_lives_longer_by_one_field_and_nothing_is_shortened() {
    let sandbox = Sandbox::new("cli-live").await;
    let _operator = sandbox.operate().await;
    sandbox.create(&preview("web").with(json!({ "route": { "type": "None" } }))).await;
    ask(&sandbox, &["wait", "web"]).await.ended_with(0);
    ask(&sandbox, &["extend", "web", "--by", "1h"]).await.ended_with(1).complains("web has no end");
    let past =
        ask(&sandbox, &["extend", "web", "--until", "2020-01-01T00:00Z"]).await.ended_with(2);
    past.complains("2020-01-01T00:00:00Z has passed: web would be deleted at once");

    let until =
        ask(&sandbox, &["extend", "web", "--until", "2098-12-31T12:00+01:00"]).await.ended_with(0);
    until.shows(&["web: kept until 2098-12-31T11:00:00Z (in "]);
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
        "one field and no other"
    );
    assert_eq!(changed.subresource, None, "and no status");

    ask(&sandbox, &["wait", "web"]).await.ended_with(0);
    let sooner =
        ask(&sandbox, &["extend", "web", "--until", "2098-01-01T00:00Z"]).await.ended_with(0);
    sooner.shows(&["web: no change: kept until 2098-12-31T11:00:00Z"]);
    assert_eq!(ends(&sandbox.get("web").await).as_deref(), Some("2098-12-31T11:00:00Z"));
    ask(&sandbox, &["extend", "web", "--by", "24h"]).await.ended_with(0);
    assert_eq!(ends(&sandbox.get("web").await).as_deref(), Some("2099-01-01T11:00:00Z"));

    ask(&sandbox, &["pin", "web"])
        .await
        .ended_with(0)
        .shows(&["web: pinned: nothing deletes it by time"]);
    let pinned: PreviewEnvironment = sandbox.get("web").await;
    assert_eq!(pinned.spec.pinned, Some(true));
    ask(&sandbox, &["pin", "web"]).await.ended_with(0).shows(&["web: pinned already"]);
    let again: PreviewEnvironment = sandbox.get("web").await;
    assert_eq!(
        again.metadata.generation, pinned.metadata.generation,
        "what is so already is not written"
    );
    ask(&sandbox, &["list"]).await.shows(&["web Ready - pinned"]);
    ask(&sandbox, &["status", "web"]).await.shows(&["Expires: never while it is pinned"]);
    ask(&sandbox, &["unpin", "web"]).await.ended_with(0).shows(&["web: unpinned"]);
    assert!(!sandbox.get::<PreviewEnvironment>("web").await.spec.is_pinned());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_with_a_ttl_is_extended_from_the_end_that_the_operator_tells() {
    let sandbox = Sandbox::new("cli-ttl").await;
    let _operator = sandbox.operate().await;
    sandbox
        .create(&preview("web").with(json!({ "ttl": "72h", "route": { "type": "None" } })))
        .await;
    ask(&sandbox, &["wait", "web"]).await.ended_with(0);
    let web: PreviewEnvironment = sandbox.get("web").await;
    let end = web.status.unwrap().expires_at.expect("the operator tells it").0;
    ask(&sandbox, &["list"]).await.shows(&["web Ready - in 2d23h"]);
    ask(&sandbox, &["status", "web"]).await.shows(&[&format!("({end}, its ttl is 72h)")]);
    let extended = ask(&sandbox, &["extend", "web", "--by", "24h"]).await.ended_with(0);
    let later = end + Duration::from_hours(24);
    extended.shows(&[&format!("web: kept until {later} (in 3d23h)")]);
    let web: PreviewEnvironment = sandbox.get("web").await;
    assert_eq!(
        (ends(&web), web.spec.ttl.as_deref()),
        (Some(later.to_string()), Some("72h")),
        "one field and no other"
    );
    assert_eq!(
        web.status.unwrap().expires_at.unwrap().0,
        later,
        "what is told is what the operator said"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_goes_to_sleep_and_wakes_up_and_can_be_waited_for() {
    let sandbox = Sandbox::new("cli-sleep").await;
    let _operator = sandbox.operate().await;
    sandbox.create(&preview("web").with(json!({ "route": { "type": "None" } }))).await;
    ask(&sandbox, &["wait", "web"]).await.ended_with(0);
    let done = ask(&sandbox, &["sleep", "webb", "web"]).await.ended_with(3);
    done.complains("there is no preview webb in namespace");
    done.complains("; there is web");
    done.shows(&["web: goes to sleep"]);
    sandbox.none::<Pod>().await;
    ask(&sandbox, &["wait", "web"])
        .await
        .ended_with(0)
        .complains("web is ready, and has no URL: it sleeps; `wake web` starts it");
    ask(&sandbox, &["list"]).await.shows(&["web Sleeping - never"]);
    ask(&sandbox, &["wake", "web"]).await.ended_with(0).shows(&["web: wakes up"]);
    ask(&sandbox, &["wait", "web"]).await.ended_with(0);
    assert_eq!(
        sandbox.api::<Pod>().list(&ListParams::default()).await.unwrap().items.len(),
        1,
        "ready means that it runs"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_can_tell_what_did_not_come_true_from_what_is_not_there_and_what_is_not_allowed() {
    let sandbox = Sandbox::new("cli-codes").await;
    let _operator = sandbox.operate().await;
    sandbox.create(&preview("web").with(json!({ "route": { "type": "HTTPRoute" } }))).await;
    let stalled = ask(&sandbox, &["wait", "web", "--timeout", "5m"]).await.ended_with(1);
    stalled.complains("web will not become ready as it is: GatewayMissing: ");
    ask(&sandbox, &["status", "web"]).await.ended_with(0).shows(&["State: Stalled"]);
    for args in
        [&["status", "other"][..], &["wait", "other"], &["open", "other"], &["pin", "other"]]
    {
        ask(&sandbox, args).await.ended_with(3).complains("there is no preview other in namespace");
    }
    let elsewhere = Sandbox::new("cli-other").await;
    let found = ask(&elsewhere, &["status", "web"]).await.ended_with(3);
    found.complains("there is no preview web in namespace");

    sandbox
        .create(
            &serde_json::from_value::<ServiceAccount>(json!({ "metadata": { "name": "jane" } }))
                .unwrap(),
        )
        .await;
    let folder = tempfile::tempdir().unwrap();
    let jane = kubeconfig_of(sandbox.cluster(), sandbox.namespace(), "jane", folder.path()).await;
    for args in [&["list"][..], &["status", "web"], &["wait", "web"], &["sleep", "web"]] {
        let refused = call(&jane, sandbox.namespace(), args).await.ended_with(4);
        refused.complains("you may not do that: previewenvironments.platform9.com ");
        refused.complains("is forbidden");
    }
    with_documented_rights(&sandbox, "jane", &jane).await;
}

/// Nothing is hidden from who has the rights that the documentation names, and every command works.
async fn with_documented_rights(sandbox: &Sandbox, account: &str, kubeconfig: &Path) {
    let role = documented_rights();
    let rules = serde_json::to_value(&role.rules).unwrap();
    sandbox
        .apply::<Role>(
            account,
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": account }, "rules": rules,
            }),
        )
        .await;
    sandbox
        .apply::<RoleBinding>(
            account,
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": account },
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account },
                "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": sandbox.namespace() }],
            }),
        )
        .await;
    eventually(SOON, "the rights are in force", async || {
        let list = call(kubeconfig, sandbox.namespace(), &["list"]).await;
        if list.code == 0 { Ok(()) } else { Err(list.errors) }
    })
    .await;
    let status = call(kubeconfig, sandbox.namespace(), &["status", "web"]).await.ended_with(0);
    assert!(!status.output.contains("Not shown"), "{}", status.output);
    call(kubeconfig, sandbox.namespace(), &["sleep", "web"])
        .await
        .ended_with(0)
        .shows(&["web: goes to sleep"]);
    call(kubeconfig, sandbox.namespace(), &["wait", "web"]).await.ended_with(1);
}
