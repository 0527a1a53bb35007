//! All about a preview as text for people. Nothing is asked here, not even the time.

use std::fmt::Write as _;

use jiff::Timestamp;
use operator_api::preview::Source;

use super::Report;
use crate::preview::{End, Preview};
use crate::table::{NOTHING, shown, table};
use crate::time;

pub(super) fn text(report: &Report, now: Timestamp) -> String {
    let preview = &report.preview;
    let mut text = String::new();
    for (title, value) in facts(preview, now) {
        let mut lines = value.lines().map(shown);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<11}{}",
            format!("{title}:"),
            lines.next().unwrap_or_else(|| NOTHING.to_owned())
        );
        for line in lines {
            let _ = writeln!(text, "{:<11}{line}", "");
        }
    }
    section(
        &mut text,
        "Conditions",
        &["TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"],
        &conditions(preview, now),
    );
    section(&mut text, "Objects", &["KIND", "NAME", "HEALTH", "MESSAGE"], &objects(report));
    section(
        &mut text,
        "Events",
        &["LAST", "TYPE", "OBJECT", "REASON", "MESSAGE"],
        &events(report, now),
    );
    if !report.gaps.is_empty() {
        text.push_str("\nNot shown:\n");
        for gap in &report.gaps {
            let _ = writeln!(text, "  {}", shown(gap));
        }
    }
    text
}

fn section(text: &mut String, title: &str, headers: &[&str], rows: &[Vec<String>]) {
    let body = if rows.is_empty() { "  none\n".to_owned() } else { table(headers, rows, "  ") };
    let _ = write!(text, "\n{title}:\n{body}");
}

fn facts(preview: &Preview, now: Timestamp) -> Vec<(&'static str, String)> {
    let (spec, status) = (preview.spec(), preview.status());
    let pods =
        status.ready.as_ref().map_or_else(|| NOTHING.to_owned(), |ready| format!("{ready} ready"));
    let mut facts = vec![
        ("Name", preview.name()),
        ("Namespace", preview.namespace()),
        ("State", preview.state().as_str().to_owned()),
        (
            "URL",
            preview.url().map_or_else(|| format!("none: {}", preview.why_no_url()), str::to_owned),
        ),
        ("Host", spec.fqdn.clone()),
        ("Image", spec.image.clone()),
        ("Revision", revision(spec.revision.as_deref(), status.revision.as_deref())),
        ("Pods", pods),
        ("Expires", expires(preview, now)),
    ];
    facts.extend(spec.source.as_ref().map(|source| ("Source", of_source(source))));
    facts.push((
        "Age",
        preview.created().map_or_else(String::new, |created| time::ago(created, now)),
    ));
    facts
}

fn revision(asked: Option<&str>, live: Option<&str>) -> String {
    match (asked, live) {
        (None, None) => NOTHING.to_owned(),
        (Some(asked), Some(live)) if asked == live => format!("{live}, live"),
        (Some(asked), None) => format!("{asked}, not yet shown by all pods"),
        (asked, Some(live)) => format!("{}, while all pods show {live}", asked.unwrap_or(NOTHING)),
    }
}

fn expires(preview: &Preview, now: Timestamp) -> String {
    let spec = preview.spec();
    match preview.end() {
        End::Never => "never".to_owned(),
        End::Pinned => "never while it is pinned".to_owned(),
        End::Unknown => "not known yet: the operator has not looked at its last change".to_owned(),
        End::At(moment) => {
            let why = match (&spec.expires_at, &spec.ttl) {
                (Some(asked), _) if asked.0 == moment => ", as spec.expiresAt says".to_owned(),
                (Some(asked), _) => format!(
                    ", earlier than spec.expiresAt ({}) by the administrator's limit",
                    asked.0
                ),
                (None, Some(ttl)) => format!(", its ttl is {ttl}"),
                (None, None) => ", as the administrator chose".to_owned(),
            };
            format!("{} ({moment}{why})", time::relative(moment, now))
        }
    }
}

/// In the words of its author: shown, and nothing more.
fn of_source(source: &Source) -> String {
    let text = |before: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("{before}{value}"))
    };
    let place = [
        source.provider.clone(),
        source.repository.clone(),
        source.pull_request.map(|number| format!("#{number}")),
    ];
    let place = place.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let place = Some(place).filter(|place| !place.is_empty());
    let parts = [
        place,
        text("branch ", &source.branch),
        text("commit ", &source.commit),
        text("by ", &source.author),
    ];
    let line = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    [Some(line).filter(|line| !line.is_empty()), source.url.clone()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n")
}

fn conditions(preview: &Preview, now: Timestamp) -> Vec<Vec<String>> {
    let row = |c: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        vec![
            c.type_.clone(),
            c.status.clone(),
            c.reason.clone(),
            time::ago(c.last_transition_time.0, now),
            c.message.clone(),
        ]
    };
    preview.conditions().iter().map(row).collect()
}

fn objects(report: &Report) -> Vec<Vec<String>> {
    report
        .objects
        .iter()
        .map(|row| vec![row.kind.clone(), row.name.clone(), row.health.into(), row.message.clone()])
        .collect()
}

fn events(report: &Report, now: Timestamp) -> Vec<Vec<String>> {
    let row = |event: &super::Happened| {
        let ago = event.last.map_or_else(|| NOTHING.to_owned(), |last| time::ago(last, now));
        let last = if event.times > 1 { format!("{ago} (x{})", event.times) } else { ago };
        vec![
            last,
            event.type_.clone(),
            event.object.clone(),
            event.reason.clone(),
            event.message.clone(),
        ]
    };
    report.events.iter().map(row).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use crate::preview::tests::{condition, preview};
    use crate::status::events::Happened;
    use crate::status::objects::Row;

    use super::*;

    fn now() -> Timestamp {
        "2030-01-31T12:00:00Z".parse().unwrap()
    }

    fn row(kind: &str, name: &str, health: &'static str, message: &str) -> Row {
        Row { kind: kind.into(), name: name.into(), health, message: message.into() }
    }

    #[test]
    fn one_look_shows_all() {
        let source = json!({
            "provider": "github", "repository": "team/app", "pullRequest": 17, "branch": "feature/login", "commit": "3f2a9c1",
            "author": "octocat", "url": "https://github.com/team/app/pull/17",
        });
        let preview = preview(
            "pr-17",
            &json!({ "ttl": "72h", "revision": "3f2a9c1", "source": source }),
            &json!({
                "observedGeneration": 2, "url": "https://pr-17.example.com", "revision": "3f2a9c1", "ready": "1/1",
                "expiresAt": "2030-01-31T17:30:00Z",
                "conditions": [
                    condition("Ready", "True", "Ready", "1/1 replicas ready"),
                    condition("RouteAccepted", "True", "Accepted", "the Gateway takes it"),
                ],
            }),
        );
        let events = vec![Happened {
            last: "2030-01-31T11:58:00Z".parse().ok(),
            times: 3,
            type_: "Warning".into(),
            object: "Pod pr-17-1".into(),
            reason: "Unhealthy".into(),
            message: "probe failed\n\u{1b}[31mbadly".into(),
        }];
        let objects = vec![
            row("Deployment", "pr-17", "Ready", "1/1 replicas ready"),
            row("Service", "pr-17", "Ready", ""),
            row("Pod", "pr-17-1", "Ready", ""),
        ];
        let gaps = vec!["ingresses.networking.k8s.io: you may not do that".to_owned()];
        insta::assert_snapshot!(text(&Report { preview, objects, events, gaps }, now()), @"
        Name:      pr-17
        Namespace: shop
        State:     Ready
        URL:       https://pr-17.example.com
        Host:      pr-17.example.com
        Image:     app:1
        Revision:  3f2a9c1, live
        Pods:      1/1 ready
        Expires:   in 5h30m (2030-01-31T17:30:00Z, its ttl is 72h)
        Source:    github team/app #17, branch feature/login, commit 3f2a9c1, by octocat
                   https://github.com/team/app/pull/17
        Age:       2h

        Conditions:
          TYPE            STATUS   REASON     SINCE   MESSAGE
          Ready           True     Ready      1h      1/1 replicas ready
          RouteAccepted   True     Accepted   1h      the Gateway takes it

        Objects:
          KIND         NAME      HEALTH   MESSAGE
          Deployment   pr-17     Ready    1/1 replicas ready
          Service      pr-17     Ready    -
          Pod          pr-17-1   Ready    -

        Events:
          LAST      TYPE      OBJECT        REASON      MESSAGE
          2m (x3)   Warning   Pod pr-17-1   Unhealthy   probe failed  [31mbadly

        Not shown:
          ingresses.networking.k8s.io: you may not do that
        ");
    }

    #[test]
    fn one_that_nobody_has_looked_at_says_so() {
        let preview = preview("pr-18", &json!({}), &json!({}));
        let report = Report { preview, objects: Vec::new(), events: Vec::new(), gaps: Vec::new() };
        insta::assert_snapshot!(text(&report, now()), @"
        Name:      pr-18
        Namespace: shop
        State:     Pending
        URL:       none: the operator has not looked at its last change yet; `wait` waits for that
        Host:      pr-18.example.com
        Image:     app:1
        Revision:  -
        Pods:      -
        Expires:   not known yet: the operator has not looked at its last change
        Age:       2h

        Conditions:
          none

        Objects:
          none

        Events:
          none
        ");
    }

    fn says(spec: &Value, status: &Value) -> String {
        expires(&preview("web", spec, status), now())
    }

    #[test]
    fn an_end_is_told_with_its_reason() {
        let ends = |moment: &str| json!({ "observedGeneration": 2, "expiresAt": moment });
        let (early, late) = ("2030-01-31T18:00:00Z", "2030-02-01T12:00:00Z");
        assert_eq!(says(&json!({}), &json!({ "observedGeneration": 2 })), "never");
        assert_eq!(
            says(&json!({ "pinned": true }), &json!({ "observedGeneration": 2 })),
            "never while it is pinned"
        );
        assert_eq!(
            says(&json!({ "ttl": "72h" }), &ends(early)),
            format!("in 6h ({early}, its ttl is 72h)")
        );
        assert_eq!(
            says(&json!({ "expiresAt": late }), &ends(late)),
            format!("in 1d ({late}, as spec.expiresAt says)")
        );
        let capped = says(&json!({ "expiresAt": late }), &ends(early));
        assert_eq!(
            capped,
            format!(
                "in 6h ({early}, earlier than spec.expiresAt ({late}) by the administrator's limit)"
            )
        );
        assert_eq!(
            says(&json!({}), &ends(early)),
            format!("in 6h ({early}, as the administrator chose)")
        );
    }

    #[test]
    fn a_revision_is_live_once_all_pods_show_it() {
        assert_eq!(revision(Some("a"), Some("a")), "a, live");
        assert_eq!(revision(Some("b"), None), "b, not yet shown by all pods");
        assert_eq!(revision(Some("b"), Some("a")), "b, while all pods show a");
        assert_eq!(revision(None, None), "-");
    }
}
