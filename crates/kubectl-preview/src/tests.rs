//! Every command against a server whose every text contains all unsafe characters.

use kubewright_core::internals::printable::is_unsafe;
use serde_json::{Value, json};

use crate::cluster::tests::{cluster, failure};
use crate::output::tests::unsafe_characters;
use crate::preview::tests::{condition, preview};

use super::*;

/// Each command with each output format.
const COMMANDS: [&str; 18] = [
    "list",
    "list -A -o wide",
    "list -A -o json",
    "list -o yaml",
    "list -o name",
    "status web",
    "status web -o json",
    "status web -o yaml",
    "wait web --timeout 3s",
    "wait web --timeout 3s --quiet",
    "open web --print",
    "extend web --by 24h",
    "extend web --until 2030-02-02T12:00Z",
    "pin web",
    "unpin web",
    "sleep web",
    "wake web",
    "wake web other",
];
/// They enclose the unsafe characters of a text: a text on two lines has them on different lines.
const MARKS: [&str; 2] = ["<<", ">>"];

fn hostile() -> String {
    let [start, end] = MARKS;
    let text: String = unsafe_characters().into_iter().collect();
    format!("{start}{text}{end}")
}

/// A preview with this condition and URL.
fn object(condition: &Value, url: Option<&str>) -> Value {
    let text = hostile();
    let source = json!({
        "provider": text, "repository": text, "branch": text, "commit": text, "author": text,
        "url": text,
    });
    let spec = json!({
        "image": text, "fqdn": text, "revision": text, "ttl": "72h", "source": source,
        text.clone(): text,
    });
    let other = self::condition(&text, &text, &text, &text);
    let status = json!({
        "observedGeneration": 2, "url": url, "ready": text, "revision": text, "selector": text,
        "expiresAt": "2030-02-01T12:00:00Z", "conditions": [condition, other],
    });
    let mut object = preview("web", &spec, &status).raw;
    object["metadata"]["annotations"] = json!({ "a": text, text.clone(): "b" });
    object
}

/// The server's objects, pods and Events of the preview.
fn other_list(request: &str) -> Value {
    let text = hostile();
    let owner = json!({
        "apiVersion": text, "kind": text, "name": text, "uid": "uid-web", "controller": true,
    });
    let waiting = json!({ "waiting": { "reason": text, "message": text } });
    let container = json!({ "name": text, "state": waiting, "restartCount": 1 });
    let item = if request.contains("/events") {
        let object = json!({ "kind": text, "name": text });
        json!({
            "metadata": {}, "involvedObject": object, "type": text, "reason": text, "message": text,
        })
    } else {
        json!({
            "metadata": { "name": text, "uid": "uid", "ownerReferences": [owner] },
            "status": {
                "phase": "Failed", "reason": text, "message": text,
                "containerStatuses": [container],
                "conditions": [condition("Progressing", "False", &text, &text)],
            },
        })
    };
    json!({ "metadata": {}, "items": [item] })
}

/// The answers of a server with this preview.
fn serves(preview: Value) -> impl Fn(&str) -> (u16, String) + Send + Sync {
    move |request| {
        let answer = if !request.contains("/previewenvironments") {
            other_list(request)
        } else if request.contains("watch=true") {
            json!({ "type": "MODIFIED", "object": preview })
        } else if request.contains("/previewenvironments/") {
            preview.clone()
        } else {
            json!({ "metadata": {}, "items": [preview] })
        };
        (200, format!("{answer}\n"))
    }
}

/// Runs the command; returns both of its outputs.
async fn written(
    command: &str,
    answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static,
) -> String {
    let args = std::iter::once("kubectl-preview").chain(command.split(' '));
    let args = PreviewArgs::try_parse_from(args).unwrap();
    let (cluster, _) = cluster(answer);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = Output { out: &mut out, err: &mut err };
    let now = "2030-01-31T12:00:00Z".parse().unwrap();
    if let Err(error) = execute_on(&cluster, args.command, now, &mut output).await {
        output.error(&error);
    }
    let written = [out, err].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(!written.is_empty(), "{command}");
    written
}

#[track_caller]
fn assert_safe(command: &str, written: &str) {
    let found = written.chars().find(|&c| c != '\n' && is_unsafe(c));
    assert_eq!(found, None, "{command}: {written:?}");
    for line in written.lines() {
        let [starts, ends] = MARKS.map(|mark| line.matches(mark).count());
        let is_whole = starts == ends || line.ends_with("...");
        assert!(is_whole, "{command}: a text continues on another line: {line}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_command_writes_an_unsafe_character() {
    let text = hostile();
    let url = format!("https://{text}");
    let progressing = || condition("Ready", "False", &text, &text);
    let stalled = || condition("Stalled", "True", &text, &text);
    let no_route = || condition("RouteAccepted", "False", &text, &text);
    let ready = || condition("Ready", "True", &text, &text);
    let mut texts = 0;
    for command in COMMANDS {
        for preview in [
            object(&progressing(), None),
            object(&stalled(), None),
            object(&no_route(), None),
            object(&ready(), Some(&url)),
            json!({ "metadata": { "name": text }, "spec": { "image": 1 } }),
        ] {
            let written = written(command, serves(preview)).await;
            assert_safe(command, &written);
            texts += written.matches(MARKS[0]).count();
        }
        for code in [400, 401, 403, 404, 409, 422, 500, 503] {
            let answer = failure(code, &text, &text, &text);
            assert_safe(command, &written(command, move |_| answer.clone()).await);
        }
    }
    assert!(texts > 100, "the commands showed only {texts} texts");
}

#[test]
fn a_usage_error_shows_no_unsafe_character_of_an_argument() {
    let text = hostile();
    for args in [vec!["status", &text], vec![&text], vec!["list", "-o", &text]] {
        let args = std::iter::once("kubectl-preview").chain(args);
        let error = PreviewArgs::try_parse_from(args).unwrap_err();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let _ = Output { out: &mut out, err: &mut err }.usage(&error);
        let err = String::from_utf8(err).unwrap();
        assert!(err.starts_with("error: ") && out.is_empty(), "{err:?}");
        let found = err.chars().find(|&c| c != '\n' && is_unsafe(c));
        assert_eq!(found, None, "{err:?}");
    }
}
