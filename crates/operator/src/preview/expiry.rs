//! When a preview ends: at `spec.expiresAt`, or `spec.ttl` after the last change of its spec; no later than the administrator
//! allows, and never while it is pinned. Before that, the condition [`EXPIRING`] warns.

use std::time::Duration;

use kubewright::core::time::SignedDuration;
use kubewright::{Condition, Invalid, Timestamp, View};
use operator_api::duration;
use operator_api::preview::{EXPIRING, PreviewEnvironmentSpec};

use super::kinds::Reads;

/// Why a preview is deleted, in the Event.
const EXPIRED: &str = "Expired";
/// The part of the time that a preview is kept in which it warns: one of so many.
const WARNED_PART: i32 = 10;
/// No longer than that: whoever sees it should still be there when it ends.
const LONGEST_WARNING: SignedDuration = SignedDuration::from_hours(1);

/// When a preview ends, and how far that is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    pub(super) at: Timestamp,
    by: By,
    phase: Phase,
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    ExpiresAt,
    Ttl,
    Default,
    Longest,
}

/// How far it is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Far,
    Near,
    Over,
}

/// How long a preview is to be kept after the last change of its spec, where it says so.
///
/// # Errors
/// [`Invalid`] for what is no duration.
pub(super) fn ttl(text: Option<&str>) -> Result<Option<Duration>, Invalid> {
    let unusable = |error| Invalid::new("TtlNotUsable", format!("spec.ttl cannot be read: {error}"));
    text.map(duration::parse).transpose().map_err(unusable)
}

impl Expiry {
    /// When the preview ends, if ever; after the last change of its spec, one that does not say is kept for `default`, and any for
    /// `longest` at most.
    ///
    /// # Errors
    /// [`Invalid`] for a ttl that is no duration.
    pub(super) fn of(
        spec: &PreviewEnvironmentSpec,
        default: Option<Duration>,
        longest: Option<Duration>,
        view: &View<'_, Reads>,
    ) -> Result<Option<Self>, Invalid> {
        if spec.is_pinned() {
            return Ok(None);
        }
        let ttl = ttl(spec.ttl.as_deref())?;
        // Where nobody says when it was changed (offline), nothing follows from that.
        let changed_at = view.changed_at();
        let after = |time: Duration| changed_at?.checked_add(SignedDuration::try_from(time).ok()?).ok();
        let chosen = match (&spec.expires_at, ttl) {
            (Some(at), _) => Some((at.0, By::ExpiresAt)),
            (None, Some(ttl)) => after(ttl).map(|at| (at, By::Ttl)),
            (None, None) => default.and_then(after).map(|at| (at, By::Default)),
        };
        let longest = longest.and_then(after).map(|at| (at, By::Longest));
        let Some((at, by)) = chosen.into_iter().chain(longest).min_by_key(|(at, _)| *at) else { return Ok(None) };
        let kept = changed_at.map_or(SignedDuration::MAX, |changed_at| at.duration_since(changed_at));
        let warning = (kept.max(SignedDuration::ZERO) / WARNED_PART).min(LONGEST_WARNING);
        let phase = if view.is_past(at) {
            Phase::Over
        } else if view.is_past(at.checked_sub(warning).unwrap_or(at)) {
            Phase::Near
        } else {
            Phase::Far
        };
        Ok(Some(Self { at, by, phase }))
    }

    /// Why it is deleted now, if it is.
    pub(super) fn is_over(&self) -> Option<(&'static str, String)> {
        let why = match self.by {
            By::ExpiresAt => "as spec.expiresAt says",
            By::Ttl => "its spec.ttl after the last change of its spec",
            By::Default => "the time that a preview is kept here that names none, after the last change of its spec",
            By::Longest => "the longest time that a preview is kept here after the last change of its spec",
        };
        (self.phase == Phase::Over).then(|| (EXPIRED, format!("it was kept until {}, {why}", self.at)))
    }

    /// The condition [`EXPIRING`], where it is near.
    pub(super) fn condition(&self) -> Option<Condition> {
        let keep = match self.by {
            By::ExpiresAt => "to keep it longer, write a later spec.expiresAt, or set spec.pinned to true",
            By::Ttl => {
                "to keep it longer, write a later moment as spec.expiresAt, or set spec.pinned to true; each change of its spec begins its spec.ttl anew"
            }
            By::Default => "to keep it longer, write spec.ttl or spec.expiresAt, or set spec.pinned to true",
            By::Longest => {
                "each change of its spec, a new revision for instance, begins the longest time that a preview is kept here anew; spec.pinned set to true keeps it"
            }
        };
        let (reason, message) = match self.phase {
            Phase::Far => return None,
            Phase::Near => ("ExpiresSoon", format!("it is deleted at {}: {keep}", self.at)),
            Phase::Over => {
                let held = "it is deleted as soon as the clock of the API server and the operator's limit of deletions allow";
                (EXPIRED, format!("its time was over at {}, and {held}: {keep}", self.at))
            }
        };
        Some(Condition::new(EXPIRING, Some(true), reason, message).warned())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use kubewright::Operator;
    use kubewright::core::view::Fixed;
    use operator_api::preview::PreviewEnvironment;

    use super::*;
    use crate::preview::PreviewOperator;
    use crate::testing::{observed_in, preview};

    /// When the spec was changed.
    const CHANGED: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(CHANGED + second).unwrap()
    }

    fn with_ttl(ttl: &str) -> PreviewEnvironment {
        let mut preview = preview("web");
        preview.spec.ttl = Some(ttl.into());
        preview
    }

    fn until(second: i64) -> PreviewEnvironment {
        let mut preview = preview("web");
        preview.spec.expires_at = Some(Time(at(second)));
        preview
    }

    fn seen(millis: i64) -> Fixed {
        Fixed::empty().changed(at(0)).at(at(0) + SignedDuration::from_millis(millis))
    }

    /// At that time: how far the end is away, if there is one.
    fn phase(operator: &PreviewOperator, preview: &PreviewEnvironment, millis: i64) -> Option<Phase> {
        let source = seen(millis);
        Expiry::of(&preview.spec, None, operator.maximum_ttl, &View::new(&source)).unwrap().map(|expiry| expiry.phase)
    }

    fn end(operator: &PreviewOperator, preview: &PreviewEnvironment) -> Option<i64> {
        let source = seen(0);
        let expiry = Expiry::of(&preview.spec, None, operator.maximum_ttl, &View::new(&source)).unwrap();
        expiry.map(|expiry| expiry.at.duration_since(at(0)).as_secs())
    }

    #[test]
    fn a_preview_ends_to_the_second_and_warns_for_a_tenth_of_its_time() {
        let (operator, preview) = (PreviewOperator::default(), with_ttl("1000s"));
        for (millis, expected) in
            [(0, Phase::Far), (899_999, Phase::Far), (900_000, Phase::Near), (999_999, Phase::Near), (1_000_000, Phase::Over)]
        {
            assert_eq!(phase(&operator, &preview, millis), Some(expected), "{millis}");
        }
    }

    #[test]
    fn nobody_is_warned_for_longer_than_an_hour() {
        let (operator, preview) = (PreviewOperator::default(), with_ttl("72h"));
        let hour = 3_600_000;
        assert_eq!(phase(&operator, &preview, 71 * hour - 1), Some(Phase::Far));
        assert_eq!(phase(&operator, &preview, 71 * hour), Some(Phase::Near));
    }

    #[test]
    fn the_moment_wins_over_the_duration_and_a_pin_over_both() {
        let operator = PreviewOperator::default();
        let mut both = until(50);
        both.spec.ttl = Some("10s".into());
        assert_eq!((end(&operator, &with_ttl("1h1m1s")), end(&operator, &both)), (Some(3661), Some(50)));
        both.spec.pinned = Some(true);
        assert_eq!((end(&operator, &both), end(&operator, &preview("web"))), (None, None));
        assert_eq!(phase(&operator, &until(-5), 0), Some(Phase::Over), "one that has passed ends it at once");
    }

    #[test]
    fn no_preview_is_kept_longer_than_the_administrator_allows_but_one_that_is_pinned() {
        let operator = PreviewOperator { maximum_ttl: Some(Duration::from_secs(100)), ..PreviewOperator::default() };
        assert_eq!(end(&operator, &with_ttl("99s")), Some(99));
        assert_eq!(end(&operator, &with_ttl("101s")), Some(100));
        assert_eq!(end(&operator, &until(500)), Some(100));
        assert_eq!(end(&operator, &preview("web")), Some(100), "also where it does not say");
        let mut pinned = preview("web");
        pinned.spec.pinned = Some(true);
        assert_eq!(end(&operator, &pinned), None);
    }

    #[test]
    fn where_nobody_knows_when_it_was_changed_no_duration_ends_it() {
        let operator = PreviewOperator { maximum_ttl: Some(Duration::from_secs(100)), ..PreviewOperator::default() };
        let source = Fixed::empty().at(at(1_000_000));
        let view = View::new(&source);
        assert_eq!(Expiry::of(&with_ttl("1s").spec, None, operator.maximum_ttl, &view).unwrap(), None);
        assert_eq!(view.moments().next.or(view.moments().past), None);
        let known = Expiry::of(&until(1_000_001).spec, None, operator.maximum_ttl, &view).unwrap().unwrap();
        assert_eq!(known.phase, Phase::Near, "an hour before");
    }

    #[test]
    fn the_next_moment_that_is_waited_for_is_the_warning_and_then_the_end() {
        let next = |millis| {
            let source = seen(millis);
            let view = View::new(&source);
            let _ = PreviewOperator::default().build(&with_ttl("100s"), &view);
            let moments = view.moments();
            (
                moments.past.map(|past| past.duration_since(at(0)).as_secs()),
                moments.next.map(|n| n.duration_since(at(0)).as_secs()),
            )
        };
        assert_eq!((next(0), next(90_000), next(100_000)), ((None, Some(90)), (Some(90), Some(100)), (Some(100), None)));
    }

    #[test]
    fn the_end_is_in_the_status_and_the_warning_says_how_to_keep_it() {
        let operator = PreviewOperator::default();
        let shown = |preview: &PreviewEnvironment, millis| {
            observed_in(&operator, preview, &seen(millis), &[], |observed| operator.status(preview, observed))
                .expires_at
                .map(|time| time.0)
        };
        assert_eq!(shown(&with_ttl("100s"), 0), Some(at(100)));
        assert_eq!(shown(&preview("web"), 0), None);
        let told = |preview: &PreviewEnvironment, millis| {
            let conditions =
                observed_in(&operator, preview, &seen(millis), &[], |observed| operator.conditions(preview, observed));
            conditions.into_iter().find(|condition| condition.type_ == EXPIRING)
        };
        assert_eq!(told(&with_ttl("100s"), 89_999), None);
        let near = told(&with_ttl("100s"), 90_000).unwrap();
        assert_eq!((near.status, near.reason, near.warns), (Some(true), "ExpiresSoon", true));
        assert!(near.message.starts_with("it is deleted at 2027-01-15T08:01:40Z: ") && near.message.contains("spec.expiresAt"));
        assert!(told(&until(100), 95_000).unwrap().message.contains("write a later spec.expiresAt"));
        assert_eq!(told(&with_ttl("100s"), 100_000).unwrap().reason, "Expired");
    }

    #[test]
    fn a_preview_whose_time_is_over_retires_also_where_it_could_not_work() {
        let retired = |preview: &PreviewEnvironment| {
            let source = seen(10_000);
            match PreviewOperator::default().build(preview, &View::new(&source)) {
                Ok(children) => children.into_parts().unwrap().retire,
                Err(invalid) => invalid.retire,
            }
        };
        let mut short = with_ttl("10s");
        let retire = retired(&short).unwrap();
        assert_eq!(retire.reason, "Expired");
        assert_eq!(retire.message, "it was kept until 2027-01-15T08:00:10Z, its spec.ttl after the last change of its spec");
        short.spec.fqdn = "*".into();
        assert_eq!(retired(&short), Some(retire));
        assert_eq!(retired(&with_ttl("11s")), None);
    }

    #[test]
    fn a_duration_that_the_schema_would_not_let_pass_is_refused() {
        let source = seen(0);
        let refused = PreviewOperator::default().build(&with_ttl("3d"), &View::new(&source)).err().unwrap();
        assert!(refused.reason == "TtlNotUsable" && refused.message.contains("72h"), "{refused:?}");
    }

    #[test]
    fn a_preview_that_does_not_say_is_kept_as_long_as_a_policy_has_it_by_default_and_none_longer_than_it_allows() {
        let limits = serde_json::json!({ "limits": { "defaultTtl": "100s", "maxTtl": "1000s" } });
        let policy = crate::preview::policy::tests::policy("p", limits);
        let ends = |preview: &PreviewEnvironment| {
            let (operator, source) = (PreviewOperator::default(), seen(0).with(policy.clone()));
            let status = observed_in(&operator, preview, &source, &[], |observed| operator.status(preview, observed));
            status.expires_at.map(|end| end.0)
        };
        assert_eq!(ends(&preview("web")), Some(at(100)));
        assert_eq!(ends(&with_ttl("500s")), Some(at(500)));
        assert_eq!(ends(&with_ttl("5000s")), Some(at(1000)));
        assert_eq!(ends(&until(50)), Some(at(50)));
        let mut pinned = preview("web");
        pinned.spec.pinned = Some(true);
        assert_eq!(ends(&pinned), None);
    }
}
