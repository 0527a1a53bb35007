//! What the previous status announced about the end of a preview. A limit that is new or became
//! shorter ends a preview only after a warning.

use kubewright::Timestamp;
use kubewright::time::SignedDuration;
use operator_api::preview::{EXPIRING, PreviewEnvironment, PreviewEnvironmentStatus};

/// A preview warns for this part of its lifetime: a tenth.
const WARNED_PART: i32 = 10;
/// The longest warning. Most people who see it are still there when the preview expires.
const LONGEST_WARNING: SignedDuration = SignedDuration::from_hours(1);

/// The status, if it is about the current spec.
pub(super) fn current_status(preview: &PreviewEnvironment) -> Option<&PreviewEnvironmentStatus> {
    let generation = preview.metadata.generation;
    preview.status.as_ref().filter(|status| {
        status.observed_generation.is_some() && status.observed_generation == generation
    })
}

/// How long a preview warns before it expires at `end`.
pub(super) fn warning_time(end: Timestamp, changed_at: Option<Timestamp>) -> SignedDuration {
    let lifetime =
        changed_at.map_or(SignedDuration::MAX, |changed_at| end.duration_since(changed_at));
    (lifetime.max(SignedDuration::ZERO) / WARNED_PART).min(LONGEST_WARNING)
}

/// When a limit ends the preview that is due at `due`: not before a warning has ended.
pub(super) fn postpone(
    preview: &PreviewEnvironment,
    due: Timestamp,
    changed_at: Option<Timestamp>,
    now: Option<Timestamp>,
) -> Timestamp {
    let Some(now) = now else { return due };
    // The status has whole seconds.
    let after =
        |time: SignedDuration| Timestamp::from_second((now + time).as_second() + 1).unwrap_or(now);
    let status = preview.status.as_ref();
    let announced = status.and_then(|status| status.expires_at.as_ref()).map(|time| time.0);
    let mut conditions = status.iter().flat_map(|status| &status.conditions);
    let has_warned = conditions.any(|c| c.type_ == EXPIRING && c.status == "True");
    match announced {
        // The warning has begun. A wrong clock cannot make it longer than any warning is.
        Some(end) if has_warned => due.max(end.min(after(LONGEST_WARNING))),
        Some(end) => due.max(end.min(after(warning_time(end, changed_at)))),
        // The preview had no end until now.
        None if current_status(preview).is_some() => due.max(after(LONGEST_WARNING)),
        None => due.max(after(warning_time(due, changed_at))),
    }
}
