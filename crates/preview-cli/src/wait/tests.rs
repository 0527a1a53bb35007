//! Waiting, against a server that answers from a table: what is told on the way, and how it ends.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::cluster::tests::{Asked, cluster, failure};
use crate::preview::tests::{condition, preview};

use super::*;

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
    object(&status(
        2,
        &[condition("Ready", "True", "Ready", "1/1 replicas ready")],
        Some("http://web.example.com"),
    ))
}

fn event(type_: &str, object: &Value) -> String {
    json!({ "type": type_, "object": object }).to_string() + "\n"
}

struct Ended {
    result: Result<(), Error>,
    output: String,
    /// Without their times.
    told: Vec<String>,
    asked: Asked,
}

/// Waits where the preview is `first`, and the watches tell `watches`, one after another.
async fn waited(first: Value, watches: Vec<String>, args: WaitArgs) -> Ended {
    let number = AtomicUsize::new(0);
    let (cluster, asked) = cluster(move |asked| match asked {
        asked if asked.contains("watch=true") => {
            (200, watches.get(number.fetch_add(1, Ordering::SeqCst)).cloned().unwrap_or_default())
        }
        _ => (200, first.to_string()),
    });
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        input: &mut std::io::empty(),
        output: &mut output,
        errors: &mut errors,
        colour: false,
    };
    let result = wait(&cluster, &args, &mut streams).await;
    let told = String::from_utf8(errors).unwrap();
    let told = told
        .lines()
        .map(|line| line.split_once("s  ").map_or(line, |(_, line)| line).to_owned())
        .collect();
    Ended { result, output: String::from_utf8(output).unwrap(), told, asked }
}

fn args() -> WaitArgs {
    WaitArgs { name: "web".to_owned(), timeout: Duration::from_mins(1), quiet: false }
}

#[tokio::test]
async fn what_is_ready_already_needs_no_watch() {
    let ended = waited(ready(), Vec::new(), args()).await;
    assert!(
        ended.result.is_ok() && ended.output == "http://web.example.com\n",
        "{:?}",
        ended.result
    );
    assert_eq!(ended.told, ["Ready is True: 1/1 replicas ready (Ready)"]);
    assert_eq!(ended.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn each_change_is_told_once_and_the_url_alone_is_the_output() {
    let events = [
        &progressing("0/1 replicas ready"),
        &progressing("0/1 replicas ready"),
        &progressing("pulling"),
        &ready(),
    ];
    let watch = events.map(|object| event("MODIFIED", object)).concat();
    let ended = waited(progressing("0/1 replicas ready"), vec![watch], args()).await;
    assert!(
        ended.result.is_ok() && ended.output == "http://web.example.com\n",
        "{:?}",
        ended.result
    );
    let told = [
        "Ready is False: 0/1 replicas ready (Progressing)",
        "Ready is False: pulling (Progressing)",
        "Ready is True: 1/1 replicas ready (Ready)",
    ];
    assert_eq!(ended.told, told);
    let asked = ended.asked.lock().unwrap();
    assert!(
        asked.len() == 2 && asked[1].contains("fieldSelector=metadata.name%3Dweb"),
        "{asked:?}"
    );
    assert!(asked[1].contains("resourceVersion=7"), "from what was read: {asked:?}");
}

#[tokio::test]
async fn who_asks_for_quiet_gets_the_url_alone() {
    let ended = waited(ready(), Vec::new(), WaitArgs { quiet: true, ..args() }).await;
    assert_eq!((ended.output.as_str(), ended.told), ("http://web.example.com\n", Vec::new()));
}

#[tokio::test]
async fn what_was_ready_before_the_last_edit_is_not_ready() {
    let mut old = condition("Ready", "True", "Ready", "");
    old["observedGeneration"] = 1.into();
    let before = object(&status(1, &[old.clone()], Some("http://old.example.com")));
    let half = object(&status(2, &[old], None));
    let watch = event("MODIFIED", &half) + &event("MODIFIED", &ready());
    let ended = waited(before, vec![watch], args()).await;
    assert_eq!(ended.output, "http://web.example.com\n");
    assert_eq!(ended.told[0], "the operator has not looked at the last change yet");
}

#[tokio::test]
async fn what_only_an_edit_can_help_ends_at_once() {
    let ended = waited(
        progressing("0/1"),
        vec![event("MODIFIED", &stalled("HostNotUsable", "no host"))],
        args(),
    )
    .await;
    let error = ended.result.unwrap_err();
    assert_eq!(error.to_string(), "web will not become ready as it is: HostNotUsable: no host");
    assert_eq!((error.number(), ended.output.as_str()), (1, ""));
}

fn stalled(reason: &str, message: &str) -> Value {
    object(&status(
        2,
        &[
            condition("Ready", "False", reason, message),
            condition("Stalled", "True", reason, message),
        ],
        None,
    ))
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_when_another_preview_goes_is_waited_for_and_told() {
    for reason in ["HostConflict", "TooManyPreviews"] {
        let watch = event("MODIFIED", &stalled(reason, "there is team-a/web"))
            + &event("MODIFIED", &ready());
        let ended = waited(progressing("0/1"), vec![watch], args()).await;
        assert!(
            ended.result.is_ok() && ended.output == "http://web.example.com\n",
            "{:?}",
            ended.result
        );
        assert_eq!(ended.told[1], format!("Ready is False: there is team-a/web ({reason})"));
        let forever = event("MODIFIED", &stalled(reason, "there is team-a/web"));
        let error = waited(stalled(reason, "there is team-a/web"), vec![forever], args())
            .await
            .result
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("web was not ready within 1m: there is team-a/web ({reason})")
        );
        assert_eq!(error.number(), 1);
    }
}

#[tokio::test]
async fn a_preview_that_goes_is_not_waited_for() {
    let ended =
        waited(progressing("0/1"), vec![event("DELETED", &progressing("0/1"))], args()).await;
    let error = ended.result.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.number()),
        ("the preview web was deleted meanwhile", 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_is_opened_again_and_the_time_is_up_in_the_end() {
    let gone = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old" });
    let watches = vec![String::new(), event("ERROR", &gone)];
    let ended = waited(
        progressing("0/1 replicas ready"),
        watches,
        WaitArgs { timeout: Duration::from_secs(10), ..args() },
    )
    .await;
    let error = ended.result.unwrap_err();
    assert_eq!(error.to_string(), "web was not ready within 10s: 0/1 replicas ready (Progressing)");
    assert_eq!(error.number(), 1);
    let number =
        ended.asked.lock().unwrap().iter().filter(|line| line.contains("watch=true")).count();
    assert!((5..=11).contains(&number), "{number}: with a pause between them");
}

#[tokio::test]
async fn a_preview_that_is_not_there_is_told_at_once() {
    let (cluster, _) = cluster(|_| failure(404, "NotFound", "not found", "web"));
    let mut sink = Vec::new();
    let mut streams = Streams {
        input: &mut std::io::empty(),
        output: &mut std::io::sink(),
        errors: &mut sink,
        colour: false,
    };
    assert!(matches!(wait(&cluster, &args(), &mut streams).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_route_that_its_controller_has_not_taken_is_waited_for() {
    let ready = condition("Ready", "True", "Ready", "1/1");
    let with = |route: &[&str; 4], url| {
        let [type_, status_, reason, message] = route;
        object(&status(2, &[ready.clone(), condition(type_, status_, reason, message)], url))
    };
    let silent =
        with(&["RouteAccepted", "Unknown", "WaitingForController", "no address yet"], None);
    let refused = with(&["RouteAccepted", "False", "NotAccepted", "no such listener"], None);
    let taken =
        with(&["RouteAccepted", "True", "Accepted", "leads to it"], Some("http://web.example.com"));
    let watch = [&refused, &taken].map(|object| event("MODIFIED", object)).concat();
    let ended = waited(silent.clone(), vec![watch], args()).await;
    assert!(
        ended.result.is_ok() && ended.output == "http://web.example.com\n",
        "{:?}",
        ended.result
    );
    let told = [
        "Ready is True: 1/1 (Ready)",
        "RouteAccepted is Unknown: no address yet (WaitingForController)",
        "RouteAccepted is False: no such listener (NotAccepted)",
        "RouteAccepted is True: leads to it (Accepted)",
    ];
    assert_eq!(ended.told, told);
    let ended =
        waited(silent, Vec::new(), WaitArgs { timeout: Duration::from_millis(50), ..args() }).await;
    let Err(Error::NotInTime { last, .. }) = ended.result else { panic!("{:?}", ended.result) };
    assert_eq!(last, "no address yet (WaitingForController)");
}

#[tokio::test]
async fn one_that_is_ready_without_a_url_says_why() {
    let conditions = [
        condition("Ready", "True", "Ready", ""),
        condition("RouteAccepted", "False", "NoRoute", "spec.route.type is None"),
    ];
    let ended = waited(object(&status(2, &conditions, None)), Vec::new(), args()).await;
    assert!(ended.result.is_ok() && ended.output.is_empty());
    assert_eq!(
        ended.told.last().unwrap(),
        "web is ready, and has no URL: spec.route.type is None (NoRoute)"
    );
}
