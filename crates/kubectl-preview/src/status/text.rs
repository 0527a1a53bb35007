//! The report as text. It is pure: no request, and the time is an argument.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use operator_api::preview::Source;

use super::report::Report;
use crate::preview::{Expiry, Preview};
use crate::table::{cell, table};
use crate::time;

/// The cause of an expiry that neither `spec.expiresAt` nor `spec.ttl` is.
const LIMIT: &str = "limit of an administrator";

pub(super) fn text(report: &Report, now: Timestamp) -> String {
    let preview = &report.preview;
    let mut text = String::new();
    for (title, value) in fields(preview, now) {
        let title = if title.is_empty() { String::new() } else { format!("{title}:") };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{title:<11}{}", cell(&value));
    }
    let headers = ["TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"];
    section(&mut text, "Conditions", &headers, &conditions(preview, now));
    section(&mut text, "Objects", &["KIND", "NAME", "STATE", "MESSAGE"], &report.objects);
    let headers = ["LAST", "TYPE", "OBJECT", "REASON", "MESSAGE"];
    section(&mut text, "Events", &headers, &report.events);
    if !report.errors.is_empty() {
        text.push_str("\nNot shown:\n");
        for error in &report.errors {
            let _ = writeln!(text, "  {}", cell(error));
        }
    }
    text
}

fn section(text: &mut String, title: &str, headers: &[&str], rows: &[Vec<String>]) {
    let body = if rows.is_empty() { "  none\n".to_owned() } else { table(headers, rows, "  ") };
    let _ = write!(text, "\n{title}:\n{body}");
}

/// Titles and values; an empty title continues the line above.
fn fields(preview: &Preview, now: Timestamp) -> Vec<(&'static str, String)> {
    let (spec, status) = (preview.spec(), preview.status());
    let url = match preview.url() {
        Some(url) => url.to_owned(),
        None => format!("none: {}", preview.why_no_url()),
    };
    let pods = status.ready.as_ref().map(|ready| format!("{ready} ready")).unwrap_or_default();
    let age = preview.created().map(|created| time::age(created, now)).unwrap_or_default();
    let mut fields = vec![
        ("Name", preview.name()),
        ("Namespace", preview.namespace()),
        ("State", format!("{:?}", preview.state())),
        ("URL", url),
        ("Host", spec.fqdn.clone()),
        ("Image", spec.image.clone()),
        ("Revision", revision(spec.revision.as_deref(), status.revision.as_deref())),
        ("Pods", pods),
        ("Expires", expires(preview, now)),
    ];
    if let Some(source) = &spec.source {
        let lines = [describe_source(source), source.url.clone().unwrap_or_default()];
        let lines = lines.into_iter().filter(|line| !line.is_empty());
        fields.extend(["Source", ""].into_iter().zip(lines));
    }
    fields.push(("Age", age));
    fields
}

fn revision(requested: Option<&str>, live: Option<&str>) -> String {
    match (requested, live) {
        (None, None) => String::new(),
        (Some(requested), Some(live)) if requested == live => format!("{live}, live"),
        (Some(requested), None) => format!("{requested}, not live in all pods yet"),
        (requested, Some(live)) => {
            format!("{}, but {live} is live", requested.unwrap_or("none requested"))
        }
    }
}

fn expires(preview: &Preview, now: Timestamp) -> String {
    let spec = preview.spec();
    let time = match preview.expiry() {
        Expiry::Never => return "never".to_owned(),
        Expiry::Pinned => return "never while it is pinned".to_owned(),
        Expiry::Unknown if preview.is_current() => {
            return format!("unknown: {}", preview.why_not_ready());
        }
        Expiry::Unknown => {
            return "unknown: the operator has not processed the last change yet".to_owned();
        }
        Expiry::At(time) => time,
    };
    let cause = match (preview.requested_expiry(), &spec.ttl) {
        (Some(requested), _) if requested > time => {
            format!("{LIMIT}, earlier than spec.expiresAt {requested}")
        }
        (Some(_), _) => "from spec.expiresAt".to_owned(),
        (None, Some(ttl)) if is_before_end_of_ttl(time, preview) => {
            format!("{LIMIT}, earlier than spec.ttl {ttl}")
        }
        (None, Some(ttl)) => format!("from spec.ttl {ttl}"),
        (None, None) => LIMIT.to_owned(),
    };
    format!("{} ({time}, {cause})", time::relative(time, now))
}

/// Whether `time` is before the end of `spec.ttl`. The status has whole seconds, so less than a
/// second does not count.
fn is_before_end_of_ttl(time: Timestamp, preview: &Preview) -> bool {
    let changed_at = preview.status().changed_at.as_ref().map(|time| time.0);
    let lifetime = changed_at.map(|changed_at| time.duration_since(changed_at));
    let ttl = preview.spec().ttl().ok().flatten();
    let ttl = ttl.and_then(|ttl| SignedDuration::try_from(ttl).ok());
    lifetime.zip(ttl).is_some_and(|(lifetime, ttl)| ttl - lifetime >= SignedDuration::from_secs(1))
}

/// The fields as their author wrote them; nothing is derived from them.
fn describe_source(source: &Source) -> String {
    let number = source.pull_request.map(|number| format!("#{number}"));
    let place = [&source.provider, &source.repository, &number];
    let place: Vec<&str> = place.into_iter().flatten().map(String::as_str).collect();
    let others = [("branch", &source.branch), ("commit", &source.commit), ("by", &source.author)];
    let others = others
        .into_iter()
        .filter_map(|(title, value)| value.as_ref().map(|value| format!("{title} {value}")));
    let parts: Vec<String> = [place.join(" ")].into_iter().chain(others).collect();
    parts.join(", ").trim_start_matches(", ").to_owned()
}

fn conditions(preview: &Preview, now: Timestamp) -> Vec<Vec<String>> {
    let conditions = preview.conditions().iter();
    conditions
        .map(|c| {
            let since = time::age(c.last_transition_time.0, now);
            let texts = [&c.type_, &c.status, &c.reason, &since, &c.message];
            texts.map(String::clone).to_vec()
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use crate::output::tests::unsafe_characters;
    use crate::preview::tests::{condition, preview};

    use super::*;

    fn now() -> Timestamp {
        "2030-01-31T12:00:00Z".parse().unwrap()
    }

    fn object(kind: &str, name: &str, message: &str) -> Vec<String> {
        [kind, name, "Ready", message].map(str::to_owned).to_vec()
    }

    fn event(message: &str) -> Vec<String> {
        ["2m (x3)", "Warning", "Pod pr-17-1", "Unhealthy", message].map(str::to_owned).to_vec()
    }

    #[test]
    fn the_report_has_fields_conditions_objects_events_and_errors() {
        let source = json!({
            "provider": "github", "repository": "team/app", "pullRequest": 17,
            "branch": "feature/login", "commit": "3f2a9c1", "author": "octocat",
            "url": "https://github.com/team/app/pull/17",
        });
        let preview = preview(
            "pr-17",
            &json!({ "ttl": "72h", "revision": "3f2a9c1", "source": source }),
            &json!({
                "observedGeneration": 2, "url": "https://pr-17.example.com",
                "revision": "3f2a9c1", "ready": "1/1", "expiresAt": "2030-01-31T17:30:00Z",
                "conditions": [
                    condition("Ready", "True", "Ready", "1/1 replicas ready"),
                    condition("RouteAccepted", "True", "Accepted", "the Gateway accepts it"),
                ],
            }),
        );
        let objects = vec![
            object("Deployment", "pr-17", "1/1 replicas ready"),
            object("Service", "pr-17", ""),
            object("Pod", "pr-17-1", ""),
        ];
        let events = vec![event("probe failed\n\u{1b}[31mbadly")];
        let errors = vec!["ingresses.networking.k8s.io: access denied".to_owned()];
        insta::assert_snapshot!(text(&Report { preview, objects, events, errors }, now()), @r"
        Name:      pr-17
        Namespace: shop
        State:     Ready
        URL:       https://pr-17.example.com
        Host:      pr-17.example.com
        Image:     app:1
        Revision:  3f2a9c1, live
        Pods:      1/1 ready
        Expires:   in 5h30m (2030-01-31T17:30:00Z, from spec.ttl 72h)
        Source:    github team/app #17, branch feature/login, commit 3f2a9c1, by octocat
                   https://github.com/team/app/pull/17
        Age:       2h

        Conditions:
          TYPE            STATUS   REASON     SINCE   MESSAGE
          Ready           True     Ready      1h      1/1 replicas ready
          RouteAccepted   True     Accepted   1h      the Gateway accepts it

        Objects:
          KIND         NAME      STATE   MESSAGE
          Deployment   pr-17     Ready   1/1 replicas ready
          Service      pr-17     Ready   -
          Pod          pr-17-1   Ready   -

        Events:
          LAST      TYPE      OBJECT        REASON      MESSAGE
          2m (x3)   Warning   Pod pr-17-1   Unhealthy   probe failed\n\u{1b}[31mbadly

        Not shown:
          ingresses.networking.k8s.io: access denied
        ");
    }

    #[test]
    fn a_preview_without_a_status_is_pending() {
        let preview = preview("pr-18", &json!({}), &json!({}));
        let report =
            Report { preview, objects: Vec::new(), events: Vec::new(), errors: Vec::new() };
        let text = text(&report, now());
        let (fields, sections) = text.split_once("\n\n").unwrap();
        let fields: Vec<String> =
            fields.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            fields,
            [
                "Name: pr-18",
                "Namespace: shop",
                "State: Pending",
                "URL: none: the operator has not processed the last change yet; \
                 `kubectl preview wait pr-18` waits for it",
                "Host: pr-18.example.com",
                "Image: app:1",
                "Revision: -",
                "Pods: -",
                "Expires: unknown: the operator has not processed the last change yet",
                "Age: 2h",
            ]
        );
        assert_eq!(sections, "Conditions:\n  none\n\nObjects:\n  none\n\nEvents:\n  none\n");
    }

    #[test]
    fn no_text_of_the_cluster_adds_a_line_or_a_control_character() {
        let lines = |inserted: &str| {
            let spec = json!({
                "revision": inserted, "image": inserted,
                "source": { "branch": inserted, "author": inserted, "url": inserted },
            });
            let ready = condition("Ready", "False", inserted, inserted);
            let status = json!({ "observedGeneration": 2, "conditions": [ready] });
            let report = Report {
                preview: preview("pr-17", &spec, &status),
                objects: vec![object("Pod", inserted, inserted)],
                events: vec![event(inserted)],
                errors: vec![inserted.to_owned()],
            };
            let text = text(&report, now());
            text.split('\n').map(str::to_owned).collect::<Vec<String>>()
        };
        let inserted: String = unsafe_characters().into_iter().collect();
        let found = lines(&format!("a{inserted}b"));
        assert_eq!(found.len(), lines("ab").len());
        assert!(!found.concat().contains(&*unsafe_characters()), "{found:?}");
    }

    #[test]
    fn an_expiry_has_its_cause() {
        let text = |spec: Value, status: Value| expires(&preview("web", &spec, &status), now());
        let reported = |time: &str| json!({ "observedGeneration": 2, "expiresAt": time });
        let no_report = json!({ "observedGeneration": 2 });
        let (early, late) = ("2030-01-31T18:00:00Z", "2030-02-01T12:00:00Z");
        assert_eq!(text(json!({}), no_report.clone()), "never");
        assert_eq!(text(json!({ "pinned": true }), no_report), "never while it is pinned");
        assert_eq!(
            text(json!({ "ttl": "72h" }), reported(early)),
            "in 6h (2030-01-31T18:00:00Z, from spec.ttl 72h)"
        );
        assert_eq!(
            text(json!({ "expiresAt": late }), reported(late)),
            "in 1d (2030-02-01T12:00:00Z, from spec.expiresAt)"
        );
        assert_eq!(
            text(json!({ "expiresAt": late }), reported(early)),
            "in 6h (2030-01-31T18:00:00Z, limit of an administrator, \
             earlier than spec.expiresAt 2030-02-01T12:00:00Z)"
        );
        assert_eq!(
            text(json!({}), reported(early)),
            "in 6h (2030-01-31T18:00:00Z, limit of an administrator)"
        );
    }

    #[test]
    fn a_limit_that_is_earlier_than_the_ttl_is_the_cause() {
        let text = |ttl: &str| {
            let status = json!({
                "observedGeneration": 2, "expiresAt": "2030-01-31T18:00:00Z",
                "changedAt": "2030-01-31T10:00:00Z",
            });
            expires(&preview("web", &json!({ "ttl": ttl }), &status), now())
        };
        assert_eq!(text("8h"), "in 6h (2030-01-31T18:00:00Z, from spec.ttl 8h)");
        assert_eq!(text("8h500ms"), "in 6h (2030-01-31T18:00:00Z, from spec.ttl 8h500ms)");
        assert_eq!(
            text("720h"),
            "in 6h (2030-01-31T18:00:00Z, limit of an administrator, earlier than spec.ttl 720h)"
        );
    }

    #[test]
    fn a_fraction_of_a_second_is_not_a_limit() {
        let status = json!({ "observedGeneration": 2, "expiresAt": "2030-01-31T18:00:00Z" });
        let preview = preview("web", &json!({ "expiresAt": "2030-01-31T18:00:00.5Z" }), &status);
        assert_eq!(expires(&preview, now()), "in 6h (2030-01-31T18:00:00Z, from spec.expiresAt)");
    }

    #[test]
    fn an_expiry_that_the_operator_cannot_compute_is_explained_by_ready() {
        let message = "spec.ttl is not a duration: 3d";
        let status = json!({
            "observedGeneration": 2,
            "conditions": [condition("Ready", "False", "TtlNotUsable", message)],
        });
        let preview = preview("web", &json!({ "ttl": "3d" }), &status);
        assert_eq!(
            expires(&preview, now()),
            "unknown: spec.ttl is not a duration: 3d (TtlNotUsable)"
        );
    }

    #[test]
    fn a_revision_is_live_when_all_pods_run_it() {
        assert_eq!(revision(Some("a"), Some("a")), "a, live");
        assert_eq!(revision(Some("b"), None), "b, not live in all pods yet");
        assert_eq!(revision(Some("b"), Some("a")), "b, but a is live");
        assert_eq!(revision(None, Some("a")), "none requested, but a is live");
        assert_eq!(revision(None, None), "");
    }

    #[test]
    fn a_source_shows_only_the_fields_that_are_set() {
        let text = |source: Value| describe_source(&serde_json::from_value(source).unwrap());
        assert_eq!(text(json!({ "author": "octocat" })), "by octocat");
        assert_eq!(text(json!({ "pullRequest": 7, "commit": "a" })), "#7, commit a");
        assert_eq!(text(json!({})), "");
    }
}
