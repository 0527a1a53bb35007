//! `list`: previews as a table for people, or as they are for programs.

use jiff::Timestamp;
use kube::api::DynamicObject;
use kubewright::cli::Streams;
use kubewright::manifests::yaml::to_yaml;
use serde_json::{Value, json};

use crate::args::{ListArgs, ListOutput};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::preview::{End, Preview, State};
use crate::table::{NOTHING, table};
use crate::time;

pub(crate) async fn list(
    cluster: &Cluster,
    args: &ListArgs,
    now: Timestamp,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let objects = cluster.list(args.all_namespaces, args.selector.as_deref()).await?;
    let all = objects.len();
    let previews: Vec<Preview> =
        objects.into_iter().filter_map(|object| readable(object, streams)).collect();
    match args.output {
        Some(ListOutput::Json) => streams.print(&json(&whole(&previews))?)?,
        Some(ListOutput::Yaml) => streams.print(&to_yaml(&whole(&previews))?)?,
        Some(ListOutput::Name) => streams.print(&names(&previews))?,
        None | Some(ListOutput::Wide) if all == 0 => streams.print_message(&nothing(cluster, args)),
        None => streams.print(&text(&previews, args.all_namespaces, false, now))?,
        Some(ListOutput::Wide) => {
            streams.print(&text(&previews, args.all_namespaces, true, now))?
        }
    }
    match all - previews.len() {
        0 => Ok(()),
        failed => Err(Error::Several { failed, all }),
    }
}

/// One that this program cannot read keeps nobody from seeing the others.
fn readable(object: DynamicObject, streams: &mut Streams<'_>) -> Option<Preview> {
    Preview::read(object).inspect_err(|error| streams.print_error(error)).ok()
}

fn nothing(cluster: &Cluster, args: &ListArgs) -> String {
    let what = if args.selector.is_some() { "no preview with these labels" } else { "no preview" };
    if args.all_namespaces {
        format!("There is {what}.")
    } else {
        format!("There is {what} in namespace {}; -A shows all namespaces.", cluster.namespace)
    }
}

/// As `kubectl get -o name` writes several.
fn names(previews: &[Preview]) -> String {
    previews.iter().flat_map(|preview| [preview.typed_name(), "\n".to_owned()]).collect()
}

/// As `kubectl get -o json` writes several.
fn whole(previews: &[Preview]) -> Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": previews.iter().map(|p| &p.raw).collect::<Vec<_>>() })
}

/// JSON for people and programs: indented, with a line break at its end.
pub(crate) fn json(value: &Value) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn text(previews: &[Preview], everywhere: bool, wide: bool, now: Timestamp) -> String {
    let mut headers = vec!["NAME", "STATE", "URL", "EXPIRES", "PR", "AGE"];
    if everywhere {
        headers.insert(0, "NAMESPACE");
    }
    if wide {
        headers.extend(["IMAGE", "REVISION", "AUTHOR", "MESSAGE"]);
    }
    let rows: Vec<Vec<String>> =
        previews.iter().map(|preview| row(preview, everywhere, wide, now)).collect();
    table(&headers, &rows, "")
}

fn row(preview: &Preview, everywhere: bool, wide: bool, now: Timestamp) -> Vec<String> {
    let optional = |text: Option<&str>| text.unwrap_or(NOTHING).to_owned();
    let source = preview.spec().source.clone().unwrap_or_default();
    let mut row = vec![
        preview.name(),
        preview.state().as_str().to_owned(),
        optional(preview.url()),
        expires(preview.end(), now),
        source.pull_request.map_or_else(|| NOTHING.to_owned(), |number| number.to_string()),
        preview.created().map_or_else(|| NOTHING.to_owned(), |created| time::ago(created, now)),
    ];
    if everywhere {
        row.insert(0, preview.namespace());
    }
    if wide {
        // What is as its spec asks has nothing to explain.
        let settled = matches!(preview.state(), State::Ready | State::Sleeping);
        let message = if settled { String::new() } else { preview.told() };
        row.extend([
            preview.spec().image.clone(),
            optional(preview.status().revision.as_deref()),
            optional(source.author.as_deref()),
            message,
        ]);
    }
    row
}

fn expires(end: End, now: Timestamp) -> String {
    match end {
        End::Never => "never".to_owned(),
        End::Pinned => "pinned".to_owned(),
        End::Unknown => NOTHING.to_owned(),
        End::At(moment) => time::relative(moment, now),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::preview::tests::{condition, preview};

    use super::*;

    fn several() -> Vec<Preview> {
        let ready = condition("Ready", "True", "Ready", "");
        let source = json!({ "pullRequest": 17, "author": "octocat" });
        vec![
            preview(
                "pr-17",
                &json!({ "ttl": "72h", "source": source, "revision": "3f2a9c1" }),
                &json!({
                    "observedGeneration": 2, "url": "https://pr-17.example.com", "expiresAt": "2030-01-31T17:30:00Z",
                    "revision": "3f2a9c1", "conditions": [ready],
                }),
            ),
            preview(
                "pr-18",
                &json!({ "pinned": true }),
                &json!({ "observedGeneration": 2, "conditions": [condition("Ready", "False", "Progressing", "0/1 replicas ready")] }),
            ),
            preview(
                "pr-19",
                &json!({ "suspend": true }),
                &json!({ "observedGeneration": 2, "conditions": [ready, condition("Suspended", "True", "SuspendedBySpec", "zzz")] }),
            ),
            preview("pr-20", &json!({}), &json!({})),
        ]
    }

    fn now() -> Timestamp {
        "2030-01-31T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_line_says_how_a_preview_is_where_it_is_and_how_long_it_lives() {
        insta::assert_snapshot!(text(&several(), false, false, now()), @"
        NAME    STATE      URL                         EXPIRES    PR   AGE
        pr-17   Ready      https://pr-17.example.com   in 5h30m   17   2h
        pr-18   NotReady   -                           pinned     -    2h
        pr-19   Sleeping   -                           never      -    2h
        pr-20   Pending    -                           -          -    2h
        ");
    }

    #[test]
    fn a_wide_line_says_what_is_missing_too_and_that_of_all_namespaces_where_it_is() {
        insta::assert_snapshot!(text(&several(), true, true, now()), @"
        NAMESPACE   NAME    STATE      URL                         EXPIRES    PR   AGE   IMAGE   REVISION   AUTHOR    MESSAGE
        shop        pr-17   Ready      https://pr-17.example.com   in 5h30m   17   2h    app:1   3f2a9c1    octocat   -
        shop        pr-18   NotReady   -                           pinned     -    2h    app:1   -          -         0/1 replicas ready (Progressing)
        shop        pr-19   Sleeping   -                           never      -    2h    app:1   -          -         -
        shop        pr-20   Pending    -                           -          -    2h    app:1   -          -         the operator has not said anything about it; is it running?
        ");
    }

    #[test]
    fn an_end_that_is_over_is_told_as_such() {
        assert_eq!(expires(End::At("2030-01-31T11:58:00Z".parse().unwrap()), now()), "2m ago");
    }
}
