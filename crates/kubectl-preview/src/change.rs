//! `extend`, `pin`, `unpin`, `sleep`, `wake`: each sets one field of the spec, and sends no patch
//! if the field has the value already.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::args::{ExpiryArgs, ExtendArgs, NamesArgs};
use crate::cluster::{Change, Cluster};
use crate::error::Error;
use crate::output::Output;
use crate::preview::{Expiry, Preview};
use crate::time::{absolute, from_second};

/// The longest time to wait for the operator to process a change; it needs milliseconds.
const OPERATOR_TIMEOUT: Duration = Duration::from_secs(3);

/// A boolean field of the spec and its new value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switch {
    field: &'static str,
    value: bool,
    current: fn(&Preview) -> bool,
    changed: &'static str,
    unchanged: &'static str,
}

pub(crate) const PIN: Switch = Switch {
    field: "pinned",
    value: true,
    current: |preview| preview.spec().is_pinned(),
    changed: "pinned; it does not expire",
    unchanged: "already pinned",
};
pub(crate) const UNPIN: Switch =
    Switch { value: false, changed: "unpinned", unchanged: "not pinned", ..PIN };
pub(crate) const SLEEP: Switch = Switch {
    field: "suspend",
    value: true,
    current: |preview| preview.spec().is_suspended(),
    changed: "suspended; its pods stop",
    unchanged: "already suspended",
};
pub(crate) const WAKE: Switch = Switch {
    value: false,
    changed: "resumed; its pods start",
    unchanged: "not suspended",
    ..SLEEP
};

/// Changes one preview after another, and prints the line that `change` returns for each. A
/// failure does not stop the others; the first error is returned.
async fn change_each<F>(
    cluster: &Cluster,
    names: &[String],
    output: &mut Output<'_>,
    change: F,
) -> Result<(), Error>
where
    F: AsyncFn(Preview) -> Result<String, Error>,
{
    let mut first_error = None;
    for name in names {
        let result = match cluster.get(name).await {
            Ok(preview) if preview.is_being_deleted() => Err(Error::Deleted { name: name.clone() }),
            Ok(preview) => change(preview).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(line) => output.print(&format!("{name}: {line}\n"))?,
            Err(error) if first_error.is_none() => first_error = Some(error),
            Err(error) => output.error(&error),
        }
    }
    first_error.map_or(Ok(()), Err)
}

pub(crate) async fn set(
    cluster: &Cluster,
    args: &NamesArgs,
    switch: Switch,
    output: &mut Output<'_>,
) -> Result<(), Error> {
    change_each(cluster, &args.names, output, async |preview| {
        if (switch.current)(&preview) == switch.value {
            return Ok(switch.unchanged.to_owned());
        }
        cluster.patch(&preview, &json!({ switch.field: switch.value })).await?;
        Ok(switch.changed.to_owned())
    })
    .await
}

/// Makes previews expire later.
pub(crate) async fn extend(
    cluster: &Cluster,
    args: &ExtendArgs,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<(), Error> {
    change_each(cluster, &args.names.names, output, async |preview| {
        let Some(requested) = new_expiry(&preview, args.expiry, now)? else {
            let expiry = current_expiry(&preview).map(|time| describe(&preview, time, now));
            return Ok(expiry.map_or("no change".to_owned(), |text| format!("no change: {text}")));
        };
        let patched =
            cluster.patch(&preview, &json!({ "expiresAt": requested.to_string() })).await?;
        let processed = wait_for_operator(cluster, patched).await;
        let line = describe(&processed, requested, now);
        // A limit still restarts with every change of the spec.
        if restarts(&preview) && !is_limited(&processed, requested) {
            return Ok(line + "; a change of its spec no longer extends it");
        }
        Ok(line)
    })
    .await
}

/// The preview after the operator has processed the change. If that takes too long or the user may
/// not watch previews, the preview as it was patched.
async fn wait_for_operator(cluster: &Cluster, patched: Preview) -> Preview {
    let follow = async {
        let mut changes = pin!(cluster.watch(&patched).await.ok()?);
        while let Some(Ok(Change::Modified(preview))) = changes.next().await {
            if preview.is_current() {
                return Some(*preview);
            }
        }
        None
    };
    let processed = tokio::time::timeout(OPERATOR_TIMEOUT, follow).await;
    processed.ok().flatten().unwrap_or(patched)
}

/// Whether the limit of an administrator ends the preview before `requested`.
fn is_limited(preview: &Preview, requested: Timestamp) -> bool {
    matches!(preview.expiry(), Expiry::At(time) if time < requested)
}

/// Whether a change of the spec postpones the expiry.
fn restarts(preview: &Preview) -> bool {
    let spec = preview.spec();
    spec.expires_at.is_none() && (spec.ttl.is_some() || matches!(preview.expiry(), Expiry::At(_)))
}

/// When the preview expires after `requested` was written to its spec.
fn describe(preview: &Preview, requested: Timestamp, now: Timestamp) -> String {
    let text = absolute(requested, now);
    match preview.expiry() {
        Expiry::Pinned => format!("expires at {text} if it is unpinned"),
        Expiry::At(time) if is_limited(preview, requested) => format!(
            "expires at {}; the limit of an administrator is earlier than {requested}",
            absolute(time, now)
        ),
        _ if !preview.is_current() => {
            format!("requested expiry {text}; the operator has not processed the change yet")
        }
        _ => format!("expires at {text}"),
    }
}

/// When the preview expires, without regard to a pin or to a limit that is earlier than the spec.
fn current_expiry(preview: &Preview) -> Option<Timestamp> {
    let requested = preview.requested_expiry();
    match preview.expiry() {
        Expiry::At(time) => requested.max(Some(time)),
        Expiry::Pinned => requested,
        Expiry::Never | Expiry::Unknown => None,
    }
}

/// The expiry to set; `None` if the current one is not earlier.
fn new_expiry(
    preview: &Preview,
    args: ExpiryArgs,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let name = preview.name();
    let current = current_expiry(preview);
    if let Some(until) = args.until {
        if until <= now {
            return Err(Error::Passed { name, moment: until.to_string() });
        }
        return Ok(Some(until).filter(|until| current.is_none_or(|current| current < *until)));
    }
    let Some(current) = current else {
        return Err(match preview.expiry() {
            Expiry::Pinned => Error::Pinned { name },
            Expiry::Unknown => Error::ExpiryUnknown { name },
            Expiry::Never | Expiry::At(_) => Error::NeverExpires { name },
        });
    };
    let by = args.by.and_then(|by| SignedDuration::try_from(by).ok()).unwrap_or_default();
    let Ok(time) = current.max(now).checked_add(by) else { return Err(Error::TooLate { name }) };
    // The field has whole seconds.
    let second = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
    from_second(second).map(Some).ok_or(Error::TooLate { name })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::Value;

    use crate::cluster::tests::cluster;
    use crate::preview::tests::preview;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn now() -> Timestamp {
        "2030-01-31T12:00:00Z".parse().unwrap()
    }

    /// `None` means that nothing is changed.
    type NewExpiry = Result<Option<String>, String>;

    fn by(spec: &Value, status: &Value, by: Duration) -> NewExpiry {
        requested(spec, status, ExpiryArgs { by: Some(by), until: None })
    }

    fn until(spec: &Value, status: &Value, until: &str) -> NewExpiry {
        requested(spec, status, ExpiryArgs { by: None, until: until.parse().ok() })
    }

    fn requested(spec: &Value, status: &Value, args: ExpiryArgs) -> NewExpiry {
        new_expiry(&preview("web", spec, status), args, now())
            .map(|time| time.map(|time| time.to_string()))
            .map_err(|error| error.to_string())
    }

    #[track_caller]
    fn assert_expiry(new: &NewExpiry, time: &str) {
        assert_eq!(new, &Ok(Some(time.to_owned())));
    }

    fn reported(expiry: &str) -> Value {
        json!({ "observedGeneration": 2, "expiresAt": expiry })
    }

    #[test]
    fn by_is_added_to_the_current_expiry() {
        let spec = json!({ "ttl": "72h" });
        let new = by(&spec, &reported("2030-01-31T18:00:00Z"), 24 * HOUR);
        assert_expiry(&new, "2030-02-01T18:00:00Z");
        let spec = json!({ "expiresAt": "2030-01-31T18:00:00Z" });
        let new = by(&spec, &json!({ "observedGeneration": 1 }), HOUR);
        assert_expiry(&new, "2030-01-31T19:00:00Z");
    }

    #[test]
    fn by_is_added_to_now_if_the_expiry_has_passed() {
        let new = by(&json!({ "ttl": "72h" }), &reported("2030-01-30T12:00:00Z"), HOUR);
        assert_expiry(&new, "2030-01-31T13:00:00Z");
    }

    #[test]
    fn less_than_a_second_is_rounded_up() {
        let status = reported("2030-01-31T18:00:00Z");
        let new = by(&json!({ "ttl": "72h" }), &status, Duration::from_millis(1));
        assert_expiry(&new, "2030-01-31T18:00:01Z");
    }

    #[test]
    fn by_needs_an_expiry_and_until_does_not() {
        let status = json!({ "observedGeneration": 2 });
        let error = by(&json!({}), &status, HOUR).unwrap_err();
        assert!(error.contains("never expires"), "{error}");
        let error = by(&json!({ "ttl": "1h" }), &json!({}), HOUR).unwrap_err();
        assert!(error.contains("has not reported yet when web expires"), "{error}");
        let error = by(&json!({ "ttl": "1h", "pinned": true }), &status, HOUR).unwrap_err();
        assert!(error.contains("is pinned"), "{error}");
        let new = until(&json!({}), &status, "2030-02-01T00:00:00Z");
        assert_expiry(&new, "2030-02-01T00:00:00Z");
    }

    #[test]
    fn by_that_exceeds_the_range_of_times_is_an_error() {
        let status = reported("2030-01-31T18:00:00Z");
        let error = by(&json!({ "ttl": "72h" }), &status, Duration::MAX / 4).unwrap_err();
        assert!(error.contains("after the year 9998"), "{error}");
        let status = reported("9998-12-31T23:00:00Z");
        assert!(by(&json!({ "ttl": "72h" }), &status, 59 * HOUR / 60).is_ok());
        assert!(by(&json!({ "ttl": "72h" }), &status, HOUR).is_err(), "the CRD rejects the year");
    }

    #[test]
    fn an_expiry_is_never_set_to_an_earlier_time() {
        let status = reported("2030-02-02T00:00:00Z");
        assert_eq!(until(&json!({}), &status, "2030-02-01T00:00:00Z"), Ok(None));
        assert_eq!(until(&json!({}), &status, "2030-02-02T00:00:00Z"), Ok(None));
        let new = until(&json!({}), &status, "2030-02-03T00:00:00Z");
        assert_expiry(&new, "2030-02-03T00:00:00Z");
    }

    #[test]
    fn an_expiry_after_the_limit_of_an_administrator_is_not_set_earlier_either() {
        let spec = json!({ "expiresAt": "2030-02-10T00:00:00Z" });
        let status = reported("2030-02-02T00:00:00Z");
        assert_expiry(&by(&spec, &status, HOUR), "2030-02-10T01:00:00Z");
        assert_eq!(until(&spec, &status, "2030-02-03T00:00:00Z"), Ok(None));
    }

    #[test]
    fn an_expiry_in_the_past_is_rejected_because_the_operator_would_delete() {
        let error = until(&json!({}), &json!({}), "2030-01-31T12:00:00Z").unwrap_err();
        assert!(error.contains("has passed, and the operator would delete web"), "{error}");
    }

    #[test]
    fn a_ttl_or_a_limit_restarts_with_a_change_of_the_spec() {
        let restarts = |spec: Value, status: &Value| restarts(&preview("web", &spec, status));
        let limit = reported("2030-02-01T00:00:00Z");
        assert!(restarts(json!({ "ttl": "72h" }), &json!({})));
        assert!(restarts(json!({}), &limit));
        assert!(!restarts(json!({}), &json!({ "observedGeneration": 2 })));
        let fixed = json!({ "ttl": "72h", "expiresAt": "2030-02-01T00:00:00Z" });
        assert!(!restarts(fixed, &limit));
    }

    #[test]
    fn the_effective_expiry_is_shown_and_not_the_requested_one() {
        let requested = "2030-02-01T12:00:00Z";
        let text = |spec: Value, status: Value| {
            describe(&preview("web", &spec, &status), requested.parse().unwrap(), now())
        };
        let spec = json!({ "expiresAt": requested });
        assert_eq!(
            text(spec.clone(), reported(requested)),
            "expires at 2030-02-01T12:00:00Z (in 1d)"
        );
        assert_eq!(
            text(spec.clone(), reported("2030-01-31T18:00:00Z")),
            "expires at 2030-01-31T18:00:00Z (in 6h); \
             the limit of an administrator is earlier than 2030-02-01T12:00:00Z"
        );
        assert_eq!(
            text(spec, json!({ "observedGeneration": 1 })),
            "requested expiry 2030-02-01T12:00:00Z (in 1d); \
             the operator has not processed the change yet"
        );
        let fraction = json!({ "expiresAt": "2030-02-01T12:00:00.5Z" });
        let preview = preview("web", &fraction, &reported(requested));
        assert_eq!(
            describe(&preview, current_expiry(&preview).unwrap(), now()),
            "expires at 2030-02-01T12:00:00Z (in 1d)",
            "the fraction of a second is not a limit"
        );
        let pinned = json!({ "expiresAt": requested, "pinned": true });
        assert_eq!(
            text(pinned, json!({})),
            "expires at 2030-02-01T12:00:00Z (in 1d) if it is unpinned"
        );
    }

    /// Extends a preview by one day. After the patch, its watch returns `status`. Returns what is
    /// printed, and the requests.
    async fn run_extend(spec: &Value, status: &Value) -> (String, Vec<String>) {
        let patched = json!({ "expiresAt": "2030-02-01T12:00:00Z" });
        let before = preview("web", spec, &json!({ "observedGeneration": 2 })).raw.to_string();
        let after = preview("web", &patched, &json!({ "observedGeneration": 1 })).raw.to_string();
        let event = json!({ "type": "MODIFIED", "object": preview("web", &patched, status).raw });
        let (cluster, requests) = cluster(move |request| match request {
            request if request.starts_with("PATCH") => (200, after.clone()),
            request if request.contains("watch=true") => (200, format!("{event}\n")),
            _ => (200, before.clone()),
        });
        let mut out = Vec::new();
        let mut output = Output { out: &mut out, err: &mut std::io::sink() };
        let expiry = ExpiryArgs { by: None, until: "2030-02-01T12:00:00Z".parse().ok() };
        let args = ExtendArgs { names: NamesArgs { names: vec!["web".to_owned()] }, expiry };
        extend(&cluster, &args, now(), &mut output).await.unwrap();
        let requests = requests.lock().unwrap().clone();
        (String::from_utf8(out).unwrap(), requests)
    }

    #[tokio::test]
    async fn extend_waits_for_the_operator_and_shows_its_report() {
        let (line, requests) = run_extend(&json!({}), &reported("2030-01-31T18:00:00Z")).await;
        let expected = "web: expires at 2030-01-31T18:00:00Z (in 6h); the limit of an admin";
        assert!(line.starts_with(expected), "{line}");
        let patch = &requests[1];
        assert!(patch.starts_with("PATCH ") && patch.contains("fieldManager=kubectl-preview"));
        let (line, _) = run_extend(&json!({}), &json!({ "observedGeneration": 1 })).await;
        assert!(line.starts_with("web: requested expiry 2030-02-01T12:00:00Z"), "{line}");
    }

    #[tokio::test]
    async fn extend_warns_that_a_change_of_the_spec_no_longer_restarts_the_ttl() {
        const WARNING: &str = "; a change of its spec no longer extends it\n";
        let ttl = json!({ "ttl": "72h" });
        let expiry = reported("2030-02-01T12:00:00Z");
        assert!(run_extend(&ttl, &expiry).await.0.ends_with(WARNING));
        assert!(!run_extend(&json!({}), &expiry).await.0.ends_with(WARNING), "no ttl");
        let limited = run_extend(&ttl, &reported("2030-01-31T18:00:00Z")).await.0;
        assert!(!limited.ends_with(WARNING), "a limit still restarts: {limited}");
    }
}
