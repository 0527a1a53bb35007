//! `list`: previews as a table for people, or as complete resources for programs.

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::args::{ListArgs, ListOutput};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::output::{Output, to_json};
use crate::preview::{Expiry, Preview, State};
use crate::table::{EMPTY, table};
use crate::time;
use crate::yaml::to_yaml;

/// The longest message of a narrow table, in characters.
const MAX_MESSAGE: usize = 50;

pub(crate) async fn list(
    cluster: &Cluster,
    args: &ListArgs,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<(), Error> {
    let objects = cluster.list(args.all_namespaces, args.selector.as_deref()).await?;
    let all = objects.len();
    let previews: Vec<Preview> =
        objects.into_iter().filter_map(|object| read(object, output)).collect();
    match args.output {
        Some(ListOutput::Json) => output.print(&to_json(&to_list(&previews))?)?,
        Some(ListOutput::Yaml) => output.print(&to_yaml(&to_list(&previews)))?,
        Some(ListOutput::Name) => output.print(&names(&previews))?,
        None | Some(ListOutput::Wide) if all == 0 => output.note(&no_previews(cluster, args)),
        wide => {
            output.print(&text(&previews, args.all_namespaces, wide.is_some(), now))?;
        }
    }
    match all - previews.len() {
        0 => Ok(()),
        failed => Err(Error::SomeUnreadable { failed, all }),
    }
}

/// Reports a preview that cannot be read, so that the others are still listed.
fn read(object: DynamicObject, output: &mut Output<'_>) -> Option<Preview> {
    Preview::read(object).inspect_err(|error| output.error(error)).ok()
}

fn no_previews(cluster: &Cluster, args: &ListArgs) -> String {
    let labels = if args.selector.is_some() { " with these labels" } else { "" };
    if args.all_namespaces {
        format!("The cluster has no previews{labels}.")
    } else {
        let namespace = &cluster.namespace;
        format!("Namespace {namespace} has no previews{labels}; -A lists all namespaces.")
    }
}

fn names(previews: &[Preview]) -> String {
    previews.iter().map(|preview| preview.typed_name() + "\n").collect()
}

/// The List that `kubectl get -o json` prints.
fn to_list(previews: &[Preview]) -> Value {
    let items: Vec<&Value> = previews.iter().map(|preview| &preview.raw).collect();
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

fn text(previews: &[Preview], namespaces: bool, wide: bool, now: Timestamp) -> String {
    let mut headers = vec!["NAME", "STATE", "URL", "EXPIRES", "PR", "AGE"];
    if namespaces {
        headers.insert(0, "NAMESPACE");
    }
    if wide {
        headers.extend(["IMAGE", "REVISION", "AUTHOR"]);
    }
    headers.push("MESSAGE");
    let rows: Vec<Vec<String>> =
        previews.iter().map(|preview| row(preview, namespaces, wide, now)).collect();
    table(&headers, &rows, "")
}

fn row(preview: &Preview, namespaces: bool, wide: bool, now: Timestamp) -> Vec<String> {
    let optional = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let source = preview.spec().source.clone().unwrap_or_default();
    let mut row = vec![
        preview.name(),
        format!("{:?}", preview.state()),
        optional(preview.url()),
        expires(preview.expiry(), now),
        source.pull_request.map(|number| number.to_string()).unwrap_or_default(),
        preview.created().map(|created| time::age(created, now)).unwrap_or_default(),
    ];
    if namespaces {
        row.insert(0, preview.namespace());
    }
    if wide {
        row.extend([
            preview.spec().image.clone(),
            optional(preview.status().revision.as_deref()),
            optional(source.author.as_deref()),
        ]);
    }
    row.push(message(preview, wide));
    row
}

/// Why the preview is not ready: the reason, then the message, which is shortened in a narrow
/// table.
fn message(preview: &Preview, wide: bool) -> String {
    if matches!(preview.state(), State::Ready | State::Sleeping | State::Deleting) {
        return String::new();
    }
    let text = match preview.reported() {
        Ok(ready) if ready.message.is_empty() => ready.reason.clone(),
        Ok(ready) => format!("{}: {}", ready.reason, ready.message),
        Err(why) => why.to_owned(),
    };
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) if !wide => format!("{}...", text[..end].trim_end()),
        _ => text,
    }
}

fn expires(expiry: Expiry, now: Timestamp) -> String {
    match expiry {
        Expiry::Never => "never".to_owned(),
        Expiry::Pinned => "pinned".to_owned(),
        Expiry::Unknown => EMPTY.to_owned(),
        Expiry::At(time) => time::relative(time, now),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::cluster::tests::cluster;
    use crate::output::tests::unsafe_characters;
    use crate::preview::tests::{condition, preview};

    use super::*;

    fn previews() -> Vec<Preview> {
        let ready = condition("Ready", "True", "Ready", "");
        let not_ready = condition("Ready", "False", "Progressing", "0/1 replicas ready");
        let suspended = condition("Suspended", "True", "SuspendedBySpec", "zzz");
        let source = json!({ "pullRequest": 17, "author": "octocat" });
        vec![
            preview(
                "pr-17",
                &json!({ "ttl": "72h", "source": source, "revision": "3f2a9c1" }),
                &json!({
                    "observedGeneration": 2, "url": "https://pr-17.dev",
                    "expiresAt": "2030-01-31T17:30:00Z", "revision": "3f2a9c1",
                    "conditions": [ready],
                }),
            ),
            preview(
                "pr-18",
                &json!({ "pinned": true }),
                &json!({ "observedGeneration": 2, "conditions": [not_ready] }),
            ),
            preview(
                "pr-19",
                &json!({ "suspend": true }),
                &json!({ "observedGeneration": 2, "conditions": [ready, suspended] }),
            ),
            preview("pr-20", &json!({}), &json!({})),
        ]
    }

    fn now() -> Timestamp {
        "2030-01-31T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_row_shows_state_url_expiry_and_why_the_preview_is_not_ready() {
        insta::assert_snapshot!(text(&previews()[..3], false, false, now()), @"
        NAME    STATE      URL                 EXPIRES    PR   AGE   MESSAGE
        pr-17   Ready      https://pr-17.dev   in 5h30m   17   2h    -
        pr-18   NotReady   -                   pinned     -    2h    Progressing: 0/1 replicas ready
        pr-19   Sleeping   -                   never      -    2h    -
        ");
        let unknown = message(&previews()[3], false);
        assert_eq!(unknown, "the operator has not reported a status; check that...");
    }

    #[test]
    fn a_wide_row_of_all_namespaces_also_shows_the_namespace_and_the_message() {
        let message = |preview: &Preview| row(preview, true, true, now()).split_off(7).join(" | ");
        let rows: Vec<String> = previews().iter().map(message).collect();
        assert_eq!(
            rows,
            [
                "app:1 | 3f2a9c1 | octocat | ",
                "app:1 |  |  | Progressing: 0/1 replicas ready",
                "app:1 |  |  | ",
                "app:1 |  |  | the operator has not reported a status; check that it is running",
            ]
        );
        let header = text(&[], true, true, now());
        let columns = "NAMESPACE NAME STATE URL EXPIRES PR AGE IMAGE REVISION AUTHOR MESSAGE";
        assert_eq!(header.split_whitespace().collect::<Vec<_>>().join(" "), columns);
        assert!(text(&previews(), true, true, now()).contains("\nshop        pr-17   Ready "));
    }

    #[test]
    fn only_a_narrow_table_shortens_a_message() {
        let long = "\u{e4}".repeat(60);
        let message = |text: &str, wide: bool| {
            let ready = condition("Ready", "False", "HostConflict", text);
            let status = json!({ "observedGeneration": 2, "conditions": [ready] });
            message(&preview("web", &json!({}), &status), wide)
        };
        assert_eq!(message(&long, false), format!("HostConflict: {}...", "\u{e4}".repeat(36)));
        assert_eq!(message(&long, true), format!("HostConflict: {long}"));
        assert_eq!(message("", false), "HostConflict");
    }

    #[test]
    fn an_expiry_in_the_past_is_shown_as_such() {
        assert_eq!(expires(Expiry::At("2030-01-31T11:58:00Z".parse().unwrap()), now()), "2m ago");
    }

    /// Text of other users of the cluster must not control the terminal, in any format.
    #[tokio::test]
    async fn no_format_prints_control_characters() {
        let text: String = unsafe_characters().into_iter().collect();
        let spec = json!({ "revision": text, "image": text, "source": { "author": text } });
        let status = json!({
            "observedGeneration": 2, "url": text, "revision": text,
            "conditions": [condition("Ready", "False", "Progressing", &text)],
        });
        let raw = preview("web", &spec, &status).raw;
        let response = json!({ "metadata": {}, "items": [raw] }).to_string();
        let (cluster, _) = cluster(move |_| (200, response.clone()));
        for format in [
            None,
            Some(ListOutput::Wide),
            Some(ListOutput::Json),
            Some(ListOutput::Yaml),
            Some(ListOutput::Name),
        ] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut output = Output { out: &mut out, err: &mut err };
            let args = ListArgs { all_namespaces: true, selector: None, output: format };
            list(&cluster, &args, now(), &mut output).await.unwrap();
            let out = String::from_utf8(out).unwrap();
            let found = unsafe_characters().into_iter().find(|&c| c != '\n' && out.contains(c));
            assert_eq!(found, None, "{format:?}: {out:?}");
            let read: Option<Value> = match format {
                Some(ListOutput::Json) => serde_json::from_str(&out).ok(),
                Some(ListOutput::Yaml) => serde_saphyr::from_str(&out).ok(),
                _ => continue,
            };
            assert_eq!(read.unwrap()["items"][0]["spec"]["revision"], *text, "{format:?}");
        }
    }
}
