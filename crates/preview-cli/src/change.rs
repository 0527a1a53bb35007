//! `extend`, `pin`, `unpin`, `sleep`, `wake`: each sets one field of the spec, and none where it is
//! so already.

use std::time::Duration;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use kubewright::cli::Streams;
use serde_json::{Value, json};

use crate::args::{EndArgs, ExtendArgs, NamesArgs};
use crate::cluster::{Cluster, Event};
use crate::error::Error;
use crate::preview::{End, Preview};
use crate::time;

/// How long the operator has to look at a change before it is told as a wish; it needs
/// milliseconds.
const ANSWER: Duration = Duration::from_secs(3);

/// A field that is either so or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switch {
    field: &'static str,
    to: bool,
    is: fn(&Preview) -> bool,
    done: &'static str,
    already: &'static str,
}

pub(crate) const PIN: Switch = Switch {
    field: "pinned",
    to: true,
    is: |preview| preview.spec().is_pinned(),
    done: "pinned: nothing deletes it by time",
    already: "pinned already",
};
pub(crate) const UNPIN: Switch =
    Switch { to: false, done: "unpinned", already: "not pinned", ..PIN };
pub(crate) const SLEEP: Switch = Switch {
    field: "suspend",
    to: true,
    is: |preview| preview.spec().is_suspended(),
    done: "goes to sleep",
    already: "told to sleep already",
};
pub(crate) const WAKE: Switch =
    Switch { to: false, done: "wakes up", already: "awake already", ..SLEEP };

/// Changes one after another; one that cannot be changed keeps nobody from changing the others, and
/// the first such error is the program's.
async fn each<Change>(
    cluster: &Cluster,
    names: &[String],
    streams: &mut Streams<'_>,
    change: Change,
) -> Result<(), Error>
where
    Change: AsyncFn(&Cluster, Preview) -> Result<String, Error>,
{
    let mut failed = None;
    for name in names {
        let done = match cluster.get(name).await {
            Ok(preview) if preview.is_being_deleted() => Err(Error::Deleted { name: name.clone() }),
            Ok(preview) => change(cluster, preview).await,
            Err(error) => Err(error),
        };
        match (done, &failed) {
            (Ok(line), _) => streams.print(&format!("{name}: {line}\n"))?,
            (Err(error), None) => failed = Some(error),
            (Err(error), Some(_)) => streams.print_error(&error),
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Sets a field to what `switch` says.
pub(crate) async fn set(
    cluster: &Cluster,
    args: &NamesArgs,
    switch: Switch,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    each(cluster, &args.names, streams, async |cluster, preview| {
        if (switch.is)(&preview) == switch.to {
            return Ok(switch.already.to_owned());
        }
        cluster.change(&preview, &field(switch.field, switch.to)).await?;
        Ok(switch.done.to_owned())
    })
    .await
}

fn field(name: &str, value: impl Into<Value>) -> Value {
    json!({ name: value.into() })
}

/// Sets when a preview ends, to something later.
pub(crate) async fn extend(
    cluster: &Cluster,
    args: &ExtendArgs,
    now: Timestamp,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let end = args.end;
    each(cluster, &args.names.names, streams, async |cluster, preview| {
        match (later(&preview, end, now)?, present(&preview)) {
            (Some(asked), _) => {
                let changed =
                    cluster.change(&preview, &field("expiresAt", asked.to_string())).await?;
                let slid = slides(&preview);
                let preview = seen(cluster, changed).await;
                let line = told(&preview, asked, now);
                // A limit goes on as before.
                let fixed = slid && !limited(&preview, asked);
                let note = if fixed {
                    "; that moment is fixed: a change of its spec no longer begins its time anew"
                } else {
                    ""
                };
                Ok(line + note)
            }
            (None, Some(present)) => Ok(format!("no change: {}", told(&preview, present, now))),
            (None, None) => Ok("no change".to_owned()),
        }
    })
    .await
}

/// The preview once the operator has looked at its change; as it is, where that takes long or may
/// not be watched.
async fn seen(cluster: &Cluster, changed: Preview) -> Preview {
    let follow = async {
        let mut events = cluster.watch(&changed).await.ok()?;
        while let Some(Ok(Event::Is(preview))) = events.next().await {
            if preview.is_current() {
                return Some(*preview);
            }
        }
        None
    };
    let followed = tokio::time::timeout(ANSWER, follow).await;
    followed.ok().flatten().unwrap_or(changed)
}

/// Whether an administrator's limit ends it before `asked`.
fn limited(preview: &Preview, asked: Timestamp) -> bool {
    matches!(preview.end(), End::At(until) if until < asked)
}

/// Whether each change of its spec begins the time anew that it is kept.
fn slides(preview: &Preview) -> bool {
    let spec = preview.spec();
    spec.expires_at.is_none() && (spec.ttl.is_some() || matches!(preview.end(), End::At(_)))
}

/// What became of the wish to be kept until `asked`: an administrator may have set a limit to it.
fn told(preview: &Preview, asked: Timestamp, now: Timestamp) -> String {
    match preview.end() {
        End::Pinned => format!("kept until {} once it is unpinned", at(asked, now)),
        End::At(until) if limited(preview, asked) => {
            format!(
                "kept until {}: that is the administrator's limit, which is earlier than {asked}",
                at(until, now)
            )
        }
        _ if !preview.is_current() => {
            format!(
                "asked to be kept until {}; the operator has not looked at that yet",
                at(asked, now)
            )
        }
        _ => format!("kept until {}", at(asked, now)),
    }
}

/// `2030-01-31T12:00:00Z (in 5h30m)`.
fn at(moment: Timestamp, now: Timestamp) -> String {
    format!("{moment} ({})", time::relative(moment, now))
}

/// When a preview ends, or would if it were not pinned and nobody had set a limit.
fn present(preview: &Preview) -> Option<Timestamp> {
    let wish = preview.spec().expires_at.as_ref().map(|time| time.0);
    match preview.end() {
        End::At(moment) => wish.max(Some(moment)),
        End::Pinned => wish,
        End::Never | End::Unknown => None,
    }
}

/// The end to set; `None` where the present one is not earlier.
fn later(preview: &Preview, asked: EndArgs, now: Timestamp) -> Result<Option<Timestamp>, Error> {
    let name = || preview.name();
    let present = present(preview);
    if let Some(until) = asked.until {
        if until <= now {
            return Err(Error::Passed { name: name(), moment: until.to_string() });
        }
        return Ok(Some(until).filter(|until| present.is_none_or(|present| present < *until)));
    }
    let Some(present) = present else {
        return Err(match preview.end() {
            End::Pinned => Error::Pinned { name: name() },
            End::Unknown => Error::EndUnknown { name: name() },
            End::Never | End::At(_) => Error::NoEnd { name: name() },
        });
    };
    // Seconds are as exact as it is written.
    let by = asked.by.and_then(|by| SignedDuration::try_from(by).ok()).unwrap_or_default();
    let moment = present.max(now).checked_add(by).map_err(|_| Error::TooFar)?;
    let seconds = moment.as_second() + i64::from(moment.subsec_nanosecond() > 0);
    Timestamp::from_second(seconds).map(Some).map_err(|_| Error::TooFar)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::cluster::tests::cluster;
    use crate::preview::tests::preview;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn now() -> Timestamp {
        "2030-01-31T12:00:00Z".parse().unwrap()
    }

    fn by(spec: &Value, status: &Value, by: Duration) -> Result<Option<String>, String> {
        asked(spec, status, EndArgs { by: Some(by), until: None })
    }

    fn until(spec: &Value, status: &Value, until: &str) -> Result<Option<String>, String> {
        asked(spec, status, EndArgs { by: None, until: Some(until.parse().unwrap()) })
    }

    fn asked(spec: &Value, status: &Value, end: EndArgs) -> Result<Option<String>, String> {
        later(&preview("web", spec, status), end, now())
            .map(|m| m.map(|m| m.to_string()))
            .map_err(|e| e.to_string())
    }

    fn ends(moment: &str) -> Value {
        json!({ "observedGeneration": 2, "expiresAt": moment })
    }

    #[test]
    fn more_time_is_counted_from_the_present_end() {
        assert_eq!(
            by(&json!({ "ttl": "72h" }), &ends("2030-01-31T18:00:00Z"), 24 * HOUR),
            Ok(Some("2030-02-01T18:00:00Z".to_owned()))
        );
        let asked_later = json!({ "expiresAt": "2030-01-31T18:00:00Z" });
        assert_eq!(
            by(&asked_later, &json!({ "observedGeneration": 1 }), HOUR),
            Ok(Some("2030-01-31T19:00:00Z".to_owned()))
        );
    }

    #[test]
    fn more_time_is_counted_from_now_where_the_end_has_passed() {
        assert_eq!(
            by(&json!({ "ttl": "72h" }), &ends("2030-01-30T12:00:00Z"), HOUR),
            Ok(Some("2030-01-31T13:00:00Z".to_owned()))
        );
    }

    #[test]
    fn less_than_a_second_more_is_still_more() {
        let (spec, status) = (json!({ "ttl": "72h" }), ends("2030-01-31T18:00:00Z"));
        assert_eq!(
            by(&spec, &status, Duration::from_millis(1)),
            Ok(Some("2030-01-31T18:00:01Z".to_owned()))
        );
    }

    #[test]
    fn what_has_no_end_is_not_given_one_by_extending_it() {
        let seen = json!({ "observedGeneration": 2 });
        assert!(by(&json!({}), &seen, HOUR).unwrap_err().contains("has no end"));
        assert!(
            by(&json!({ "ttl": "1h" }), &json!({}), HOUR).unwrap_err().contains("has not said yet")
        );
        assert!(
            by(&json!({ "ttl": "1h", "pinned": true }), &seen, HOUR)
                .unwrap_err()
                .contains("is pinned")
        );
        assert_eq!(
            until(&json!({}), &seen, "2030-02-01T00:00:00Z"),
            Ok(Some("2030-02-01T00:00:00Z".to_owned()))
        );
    }

    #[test]
    fn nothing_is_ever_shortened() {
        assert_eq!(
            until(&json!({}), &ends("2030-02-02T00:00:00Z"), "2030-02-01T00:00:00Z"),
            Ok(None)
        );
        assert_eq!(
            until(&json!({}), &ends("2030-02-02T00:00:00Z"), "2030-02-02T00:00:00Z"),
            Ok(None)
        );
        assert_eq!(
            until(&json!({}), &ends("2030-02-02T00:00:00Z"), "2030-02-03T00:00:00Z"),
            Ok(Some("2030-02-03T00:00:00Z".to_owned()))
        );
    }

    #[test]
    fn a_wish_beyond_the_administrators_limit_is_not_shortened_either() {
        let wish = json!({ "expiresAt": "2030-02-10T00:00:00Z" });
        assert_eq!(
            by(&wish, &ends("2030-02-02T00:00:00Z"), HOUR),
            Ok(Some("2030-02-10T01:00:00Z".to_owned()))
        );
        assert_eq!(until(&wish, &ends("2030-02-02T00:00:00Z"), "2030-02-03T00:00:00Z"), Ok(None));
    }

    #[test]
    fn a_moment_that_has_passed_would_delete_and_is_refused() {
        let refused = until(&json!({}), &json!({}), "2030-01-31T12:00:00Z").unwrap_err();
        assert!(refused.contains("has passed: web would be deleted at once"), "{refused}");
    }

    #[test]
    fn only_a_time_that_begins_anew_is_fixed_by_a_moment() {
        let slid = |spec: &Value, status: &Value| slides(&preview("web", spec, status));
        assert!(
            slid(&json!({ "ttl": "72h" }), &json!({}))
                && slid(&json!({}), &ends("2030-02-01T00:00:00Z")),
            "by a limit"
        );
        assert!(!slid(&json!({}), &json!({ "observedGeneration": 2 })));
        assert!(!slid(
            &json!({ "ttl": "72h", "expiresAt": "2030-02-01T00:00:00Z" }),
            &ends("2030-02-01T00:00:00Z")
        ));
    }

    fn became(spec: &Value, status: &Value) -> String {
        told(&preview("web", spec, status), "2030-02-01T12:00:00Z".parse().unwrap(), now())
    }

    #[test]
    fn what_became_of_the_wish_is_told_and_not_the_wish() {
        let spec = json!({ "expiresAt": "2030-02-01T12:00:00Z" });
        assert_eq!(
            became(&spec, &ends("2030-02-01T12:00:00Z")),
            "kept until 2030-02-01T12:00:00Z (in 1d)"
        );
        assert_eq!(
            became(&spec, &ends("2030-01-31T18:00:00Z")),
            "kept until 2030-01-31T18:00:00Z (in 6h): that is the administrator's limit, which is earlier than 2030-02-01T12:00:00Z"
        );
        assert_eq!(
            became(&spec, &json!({ "observedGeneration": 1 })),
            "asked to be kept until 2030-02-01T12:00:00Z (in 1d); the operator has not looked at that yet"
        );
        let pinned = json!({ "expiresAt": "2030-02-01T12:00:00Z", "pinned": true });
        assert_eq!(
            became(&pinned, &json!({})),
            "kept until 2030-02-01T12:00:00Z (in 1d) once it is unpinned"
        );
    }

    /// Extends a preview until one day after now, where the watch tells `seen` after it; what is
    /// printed.
    async fn extended(seen: &Value) -> (String, Vec<String>) {
        extended_with(&json!({}), seen).await
    }

    /// The same of one that asks for this.
    async fn extended_with(spec: &Value, seen: &Value) -> (String, Vec<String>) {
        let wish = json!({ "expiresAt": "2030-02-01T12:00:00Z" });
        let before = preview("web", spec, &json!({ "observedGeneration": 2 })).raw.to_string();
        let after = preview("web", &wish, &json!({ "observedGeneration": 1 })).raw.to_string();
        let event = json!({ "type": "MODIFIED", "object": preview("web", &wish, seen).raw })
            .to_string()
            + "\n";
        let (cluster, asked) = cluster(move |asked| match asked {
            asked if asked.starts_with("PATCH") => (200, after.clone()),
            asked if asked.contains("watch=true") => (200, event.clone()),
            _ => (200, before.clone()),
        });
        let mut output = Vec::new();
        let mut streams = Streams {
            input: &mut std::io::empty(),
            output: &mut output,
            errors: &mut std::io::sink(),
            colour: false,
        };
        let end = EndArgs { by: None, until: "2030-02-01T12:00:00Z".parse().ok() };
        let args = ExtendArgs { names: NamesArgs { names: vec!["web".to_owned()] }, end };
        extend(&cluster, &args, now(), &mut streams).await.unwrap();
        let asked = asked.lock().unwrap().clone();
        (String::from_utf8(output).unwrap(), asked)
    }

    #[tokio::test]
    async fn the_operators_answer_is_awaited_and_told() {
        let (told, asked) = extended(&ends("2030-01-31T18:00:00Z")).await;
        assert!(
            told.starts_with(
                "web: kept until 2030-01-31T18:00:00Z (in 6h): that is the administrator's limit"
            ),
            "{told}"
        );
        assert!(
            asked[1].starts_with("PATCH ") && asked[1].contains("fieldManager=kubectl-preview"),
            "{asked:?}"
        );
        let (told, _) = extended(&json!({ "observedGeneration": 1 })).await;
        assert!(told.starts_with("web: asked to be kept until 2030-02-01T12:00:00Z"), "{told}");
    }

    #[tokio::test]
    async fn who_gives_up_a_time_that_begins_anew_is_told_so() {
        const FIXED: &str =
            "; that moment is fixed: a change of its spec no longer begins its time anew\n";
        let end = ends("2030-02-01T12:00:00Z");
        assert!(extended_with(&json!({ "ttl": "72h" }), &end).await.0.ends_with(FIXED));
        assert!(!extended(&end).await.0.ends_with(FIXED), "it had no end");
        let limited =
            extended_with(&json!({ "ttl": "72h" }), &ends("2030-01-31T18:00:00Z")).await.0;
        assert!(
            !limited.ends_with(FIXED) && limited.contains("the administrator's limit"),
            "{limited}"
        );
    }
}
