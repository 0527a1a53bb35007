//! `wait` against a server with prepared responses: its progress, its output and its exit code.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::cluster::tests::{Requests, cluster, failure};
use crate::preview::tests::{condition, preview};

use super::*;

const URL: &str = "http://web.example.com";

/// A preview as the API server sends it.
fn object(status: &Value) -> Value {
    preview("web", &json!({}), status).raw
}

fn status(generation: i64, conditions: &[Value], url: Option<&str>) -> Value {
    let mut status = json!({ "observedGeneration": generation, "conditions": conditions });
    if let Some(url) = url {
        status["url"] = url.into();
    }
    status
}

fn progressing(message: &str) -> Value {
    object(&status(2, &[condition("Ready", "False", "Progressing", message)], None))
}

fn ready() -> Value {
    object(&status(2, &[condition("Ready", "True", "Ready", "1/1 replicas ready")], Some(URL)))
}

fn stalled(reason: &str, message: &str) -> Value {
    let conditions = [("Ready", "False"), ("Stalled", "True")];
    let conditions = conditions.map(|(type_, status)| condition(type_, status, reason, message));
    object(&status(2, &conditions, None))
}

/// An event of a watch.
fn event(type_: &str, object: &Value) -> String {
    json!({ "type": type_, "object": object }).to_string() + "\n"
}

fn modified(objects: &[&Value]) -> String {
    objects.iter().map(|object| event("MODIFIED", object)).collect()
}

struct Outcome {
    result: Result<(), Error>,
    out: String,
    /// The lines of standard error, without their times.
    progress: Vec<String>,
    requests: Requests,
}

impl Outcome {
    #[track_caller]
    fn prints_the_url(&self) {
        assert!(self.result.is_ok(), "{:?}", self.result);
        assert_eq!(self.out, format!("{URL}\n"));
    }

    /// The message and the exit code of the error.
    fn error(self) -> (String, u8) {
        assert_eq!(self.out, "");
        let error = self.result.unwrap_err();
        (error.to_string(), error.exit_code())
    }
}

/// Runs `wait`. A get returns `first`; each watch returns the next element of `watches`.
async fn run(first: Value, watches: Vec<String>, args: WaitArgs) -> Outcome {
    let number = AtomicUsize::new(0);
    let (cluster, requests) = cluster(move |request| {
        if !request.contains("watch=true") {
            return (200, first.to_string());
        }
        let watch = watches.get(number.fetch_add(1, Ordering::SeqCst));
        (200, watch.cloned().unwrap_or_default())
    });
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let result = wait(&cluster, &args, &mut Output { out: &mut out, err: &mut err }).await;
    let err = String::from_utf8(err).unwrap();
    let without_time = |line: &str| line.split_once("s  ").map_or(line, |l| l.1).to_owned();
    let progress = err.lines().map(without_time).collect();
    Outcome { result, out: String::from_utf8(out).unwrap(), progress, requests }
}

fn args() -> WaitArgs {
    WaitArgs { name: "web".to_owned(), timeout: Duration::from_mins(1), quiet: false }
}

#[tokio::test]
async fn a_preview_that_is_ready_needs_no_watch() {
    let outcome = run(ready(), Vec::new(), args()).await;
    outcome.prints_the_url();
    assert_eq!(outcome.progress, ["Ready is True: 1/1 replicas ready (Ready)"]);
    assert_eq!(outcome.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn each_change_is_shown_once_and_only_the_url_is_printed() {
    let first = progressing("0/1 replicas ready");
    let watch = modified(&[&first, &first, &progressing("pulling"), &ready()]);
    let outcome = run(first, vec![watch], args()).await;
    outcome.prints_the_url();
    let progress = [
        "Ready is False: 0/1 replicas ready (Progressing)",
        "Ready is False: pulling (Progressing)",
        "Ready is True: 1/1 replicas ready (Ready)",
    ];
    assert_eq!(outcome.progress, progress);
    let requests = outcome.requests.lock().unwrap();
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(requests[1].contains("fieldSelector=metadata.name%3Dweb"), "{requests:?}");
    assert!(requests[1].contains("resourceVersion=7"), "the version of the get: {requests:?}");
}

#[tokio::test]
async fn quiet_writes_no_progress() {
    let outcome = run(ready(), Vec::new(), WaitArgs { quiet: true, ..args() }).await;
    outcome.prints_the_url();
    assert!(outcome.progress.is_empty(), "{:?}", outcome.progress);
}

#[tokio::test]
async fn a_preview_that_was_ready_before_the_last_edit_is_not_ready() {
    let mut old = condition("Ready", "True", "Ready", "");
    old["observedGeneration"] = 1.into();
    let before = object(&status(1, &[old.clone()], Some("http://old.example.com")));
    let half = object(&status(2, &[old], None));
    let outcome = run(before, vec![modified(&[&half, &ready()])], args()).await;
    outcome.prints_the_url();
    assert_eq!(outcome.progress[0], "the operator has not processed the last change yet");
}

#[tokio::test]
async fn a_preview_that_needs_an_edit_fails_at_once() {
    let watch = modified(&[&stalled("HostNotUsable", "no host")]);
    let (message, code) = run(progressing("0/1"), vec![watch], args()).await.error();
    assert_eq!(message, "web needs an edit to become ready: no host (HostNotUsable)");
    assert_eq!(code, 1);
}

#[tokio::test(start_paused = true)]
async fn wait_goes_on_while_another_preview_must_be_deleted_first() {
    for reason in ["HostConflict", "TooManyPreviews"] {
        let stalled = stalled(reason, "team-a/web has it");
        let watch = modified(&[&stalled, &ready()]);
        let outcome = run(progressing("0/1"), vec![watch], args()).await;
        outcome.prints_the_url();
        let line = format!("Ready is False: team-a/web has it ({reason})");
        assert_eq!(outcome.progress[1], line);

        let watch = modified(&[&stalled]);
        let (message, code) = run(stalled, vec![watch], args()).await.error();
        assert_eq!(message, format!("web was not ready after 1m: team-a/web has it ({reason})"));
        assert_eq!(code, 1);
    }
}

#[tokio::test]
async fn a_deleted_preview_fails_at_once() {
    let watch = event("DELETED", &progressing("0/1"));
    let outcome = run(progressing("0/1"), vec![watch], args()).await;
    assert_eq!(outcome.error(), ("the preview web was deleted".to_owned(), 3));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_is_opened_again_until_the_timeout() {
    let expired = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": 410, "reason": "Expired", "message": "too old",
    });
    let watches = vec![String::new(), event("ERROR", &expired)];
    let args = WaitArgs { timeout: Duration::from_secs(10), ..args() };
    let outcome = run(progressing("0/1 replicas ready"), watches, args).await;
    let count = |requests: &Requests| {
        requests.lock().unwrap().iter().filter(|line| line.contains("watch=true")).count()
    };
    let watches = count(&outcome.requests);
    assert!((5..=11).contains(&watches), "{watches}: with a pause after each");
    let message = "web was not ready after 10s: 0/1 replicas ready (Progressing)";
    assert_eq!(outcome.error(), (message.to_owned(), 1));
}

#[tokio::test]
async fn a_preview_that_does_not_exist_fails_at_once() {
    let (cluster, _) = cluster(|_| failure(404, "NotFound", "not found", "web"));
    let mut output = Output { out: &mut std::io::sink(), err: &mut std::io::sink() };
    let result = wait(&cluster, &args(), &mut output).await;
    assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
}

#[tokio::test]
async fn wait_goes_on_until_the_controller_accepts_the_route() {
    let route = |status_: &str, reason: &str, message: &str, url| {
        let ready = condition("Ready", "True", "Ready", "1/1");
        object(&status(2, &[ready, condition("RouteAccepted", status_, reason, message)], url))
    };
    let waiting = route("Unknown", "WaitingForController", "no address yet", None);
    let refused = route("False", "NotAccepted", "no such listener", None);
    let accepted = route("True", "Accepted", "routes to it", Some(URL));
    let watch = modified(&[&refused, &accepted]);
    let outcome = run(waiting.clone(), vec![watch], args()).await;
    outcome.prints_the_url();
    let progress = [
        "Ready is True: 1/1 (Ready)",
        "RouteAccepted is Unknown: no address yet (WaitingForController)",
        "RouteAccepted is False: no such listener (NotAccepted)",
        "RouteAccepted is True: routes to it (Accepted)",
    ];
    assert_eq!(outcome.progress, progress);

    let args = WaitArgs { timeout: Duration::from_millis(50), ..args() };
    let (message, code) = run(waiting, Vec::new(), args).await.error();
    let expected = "web was not ready after 50ms: no address yet (WaitingForController)";
    assert_eq!((&*message, code), (expected, 1));
}

#[tokio::test]
async fn a_preview_that_is_ready_without_a_url_succeeds_with_the_reason() {
    let conditions = [
        condition("Ready", "True", "Ready", ""),
        condition("RouteAccepted", "False", "NoRoute", "spec.route.type is None"),
    ];
    let outcome = run(object(&status(2, &conditions, None)), Vec::new(), args()).await;
    assert!(outcome.result.is_ok() && outcome.out.is_empty());
    let last = "web is ready and has no URL: spec.route.type is None (NoRoute)";
    assert_eq!(outcome.progress.last().unwrap(), last);
}
