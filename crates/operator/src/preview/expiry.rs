//! When a preview ends: at `spec.expiresAt`, or `spec.ttl` after the last change of its spec; no
//! later than the administrator allows, and never while it is pinned. Before that, the condition
//! [`EXPIRING`] warns.
//!
//! Two things are taken from the status, which nobody but the operator writes. When the spec was
//! changed, once that was told: whoever may write a preview may write its `managedFields`, and
//! would move the end by that. And until when it was told to be kept: a limit that is new, or
//! became shorter, ends nothing at once, but after as long a warning as anybody gets.

use std::time::Duration;

use kubewright::core::time::SignedDuration;
use kubewright::{Condition, Invalid, Timestamp, View};
use operator_api::duration;
use operator_api::preview::{EXPIRING, PreviewEnvironment, PreviewEnvironmentStatus};

use super::kinds::Reads;
use super::policy::{Limit, Rules};

/// Why a preview is deleted, in the Event.
const EXPIRED: &str = "Expired";
/// The part of the time that a preview is kept in which it warns: one of so many.
const WARNED_PART: i32 = 10;
/// No longer than that: whoever sees it should still be there when it ends.
const LONGEST_WARNING: SignedDuration = SignedDuration::from_hours(1);
/// By how much the clocks of this machine and of the one that told a time before may differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(5);

/// When a preview ends, and how far that is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    pub(super) at: Timestamp,
    /// When its spec was last changed, as its time counts from that.
    pub(super) changed_at: Option<Timestamp>,
    by: By,
    phase: Phase,
}

/// Who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
enum By {
    ExpiresAt,
    Ttl,
    /// A policy of this name.
    Default(Box<str>),
    /// A policy of this name, or the operator's setting.
    Longest(Option<Box<str>>),
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
    let unusable =
        |error| Invalid::new("TtlNotUsable", format!("spec.ttl cannot be read: {error}"));
    text.map(duration::parse).transpose().map_err(unusable)
}

/// What others than the preview itself say about how long it is kept after the last change of its
/// spec.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds<'a> {
    /// The operator's setting.
    maximum: Option<Duration>,
    /// The least that a policy allows.
    longest: Option<Limit<'a, Duration>>,
    /// How long one is kept that does not say.
    default: Option<Limit<'a, Duration>>,
}

impl<'a> Bounds<'a> {
    pub(super) fn of(maximum: Option<Duration>, rules: &'a Rules) -> Self {
        Self { maximum, longest: rules.max_ttl(), default: rules.default_ttl() }
    }
}

/// What the status tells of the end.
struct Told {
    /// When this very spec was changed.
    changed_at: Option<Timestamp>,
    promise: Promise,
}

/// Until when it was told to be kept.
#[derive(Clone, Copy)]
enum Promise {
    /// Nobody has looked at it yet.
    Nothing,
    Until(Timestamp),
    /// It warns of that.
    Ends(Timestamp),
    /// This very spec had no end.
    Forever,
}

impl Told {
    fn of(preview: &PreviewEnvironment) -> Self {
        let status = preview.status.as_ref();
        let now = status.filter(|status| {
            status.observed_generation.is_some()
                && status.observed_generation == preview.metadata.generation
        });
        let warns = |status: &PreviewEnvironmentStatus| {
            status.conditions.iter().any(|c| c.type_ == EXPIRING && c.status == "True")
        };
        let promise = match (status.and_then(|status| status.expires_at.as_ref()), now) {
            (Some(end), _) if status.is_some_and(warns) => Promise::Ends(end.0),
            (Some(end), _) => Promise::Until(end.0),
            (None, Some(_)) => Promise::Forever,
            (None, None) => Promise::Nothing,
        };
        Self {
            changed_at: now.and_then(|status| status.changed_at.as_ref()).map(|time| time.0),
            promise,
        }
    }

    /// When a limit ends it that would at `due`: not before whoever relies on what was told was
    /// warned, and that is told from now on.
    fn due(
        &self,
        due: Timestamp,
        changed_at: Option<Timestamp>,
        view: &View<'_, Reads>,
    ) -> Timestamp {
        let Some(now) = view.now() else { return due };
        let (relied_on, until) = match self.promise {
            Promise::Nothing => (due, Timestamp::MAX),
            Promise::Until(end) => (end, end),
            // To shorten it further would be without a warning. It is never further ahead than
            // that: what is was told by a clock that was wrong, or written by somebody
            // else.
            Promise::Ends(end) => {
                return due.max(end.min(now + LONGEST_WARNING + SignedDuration::from_secs(1)));
            }
            Promise::Forever => (Timestamp::MAX, Timestamp::MAX),
        };
        // A status has whole seconds.
        let warned = Timestamp::from_second((now + warning(relied_on, changed_at)).as_second() + 1)
            .unwrap_or(now);
        due.max(until.min(warned))
    }
}

/// For how long somebody is warned of an end.
fn warning(end: Timestamp, changed_at: Option<Timestamp>) -> SignedDuration {
    let kept = changed_at.map_or(SignedDuration::MAX, |changed_at| end.duration_since(changed_at));
    (kept.max(SignedDuration::ZERO) / WARNED_PART).min(LONGEST_WARNING)
}

impl By {
    fn is_limit(&self) -> bool {
        matches!(self, Self::Default(_) | Self::Longest(_))
    }

    /// How it is called.
    fn name(&self) -> String {
        match self {
            Self::ExpiresAt => "spec.expiresAt".to_owned(),
            Self::Ttl => "spec.ttl".to_owned(),
            Self::Default(policy) => format!("limits.defaultTtl of PreviewPolicy {policy}"),
            Self::Longest(Some(policy)) => format!("limits.maxTtl of PreviewPolicy {policy}"),
            Self::Longest(None) => "--preview-maximum-ttl of the operator".to_owned(),
        }
    }
}

impl Expiry {
    /// When the preview ends, if ever.
    ///
    /// # Errors
    /// [`Invalid`] for a ttl that is no duration.
    pub(super) fn of(
        preview: &PreviewEnvironment,
        bounds: &Bounds<'_>,
        view: &View<'_, Reads>,
    ) -> Result<Option<Self>, Invalid> {
        let spec = &preview.spec;
        if spec.is_pinned() {
            return Ok(None);
        }
        let ttl = ttl(spec.ttl.as_deref())?;
        let told = Told::of(preview);
        // Where nobody says when it was changed (offline), nothing follows from that.
        let is_over = |at: &Timestamp| view.now().is_none_or(|now| *at <= now + CLOCKS_DIFFER);
        let changed_at = told.changed_at.filter(is_over).or_else(|| view.changed_at());
        let after =
            |time: Duration| changed_at?.checked_add(SignedDuration::try_from(time).ok()?).ok();
        let chosen = match (&spec.expires_at, ttl, bounds.default) {
            (Some(at), ..) => Some((at.0, By::ExpiresAt)),
            (None, Some(ttl), _) => after(ttl).map(|at| (at, By::Ttl)),
            (None, None, Some(limit)) => {
                after(limit.value).map(|at| (at, By::Default(limit.policy.into())))
            }
            (None, None, None) => None,
        };
        let own = chosen.as_ref().filter(|(_, by)| !by.is_limit()).map(|(at, _)| *at);
        let maximum = bounds.maximum.and_then(after).map(|at| (at, By::Longest(None)));
        let longest = bounds
            .longest
            .and_then(|limit| Some((after(limit.value)?, By::Longest(Some(limit.policy.into())))));
        let all = [chosen, longest, maximum].into_iter().flatten();
        let Some((due, by)) = all.min_by_key(|(at, _)| *at) else { return Ok(None) };
        // What the preview asks for itself is not put off by the warning of a limit.
        let own = own.unwrap_or(Timestamp::MAX);
        let at = if by.is_limit() { told.due(due, changed_at, view).min(own) } else { due };
        let warns_at = at.checked_sub(warning(at, changed_at)).unwrap_or(at);
        let phase = if view.is_past(at) {
            Phase::Over
        } else if at > due || view.is_past(warns_at) {
            Phase::Near
        } else {
            Phase::Far
        };
        Ok(Some(Self { at, changed_at, by, phase }))
    }

    /// Why it is deleted now, if it is.
    pub(super) fn is_over(&self) -> Option<(&'static str, String)> {
        let since =
            if self.by == By::ExpiresAt { "" } else { ", after the last change of its spec" };
        let why = || format!("it was kept until {}, as {} says{since}", self.at, self.by.name());
        (self.phase == Phase::Over).then(|| (EXPIRED, why()))
    }

    /// The condition [`EXPIRING`], where it is near.
    pub(super) fn condition(&self) -> Option<Condition> {
        let keep = match &self.by {
            By::ExpiresAt => "to keep it longer, write a later spec.expiresAt, or set spec.pinned to true".to_owned(),
            By::Ttl => {
                "to keep it longer, write a later moment as spec.expiresAt, or set spec.pinned to true; each change of its \
                        spec begins its spec.ttl anew"
                    .to_owned()
            }
            By::Default(_) => format!(
                "{} is for previews that say nothing themselves: to keep it longer, write spec.ttl or spec.expiresAt, or set \
                 spec.pinned to true",
                self.by.name()
            ),
            By::Longest(_) => format!(
                "{} allows no more: each change of its spec, a new revision for instance, begins that time anew; spec.pinned set \
                 to true keeps it",
                self.by.name()
            ),
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

    fn expiry(
        operator: &PreviewOperator,
        preview: &PreviewEnvironment,
        source: &Fixed,
    ) -> Option<Expiry> {
        let view = View::new(source);
        Expiry::of(preview, &Bounds::of(operator.maximum_ttl, &Rules::of("shop", &view)), &view)
            .unwrap()
    }

    /// At that time: how far the end is away, if there is one.
    fn phase(
        operator: &PreviewOperator,
        preview: &PreviewEnvironment,
        millis: i64,
    ) -> Option<Phase> {
        let source = seen(millis);
        expiry(operator, preview, &source).map(|expiry| expiry.phase)
    }

    fn end(operator: &PreviewOperator, preview: &PreviewEnvironment) -> Option<i64> {
        let source = seen(0);
        expiry(operator, preview, &source).map(|expiry| expiry.at.duration_since(at(0)).as_secs())
    }

    #[test]
    fn a_preview_ends_to_the_second_and_warns_for_a_tenth_of_its_time() {
        let (operator, preview) = (PreviewOperator::default(), with_ttl("1000s"));
        for (millis, expected) in [
            (0, Phase::Far),
            (899_999, Phase::Far),
            (900_000, Phase::Near),
            (999_999, Phase::Near),
            (1_000_000, Phase::Over),
        ] {
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
        assert_eq!(
            (end(&operator, &with_ttl("1h1m1s")), end(&operator, &both)),
            (Some(3661), Some(50))
        );
        both.spec.pinned = Some(true);
        assert_eq!((end(&operator, &both), end(&operator, &preview("web"))), (None, None));
        assert_eq!(
            phase(&operator, &until(-5), 0),
            Some(Phase::Over),
            "one that has passed ends it at once"
        );
    }

    #[test]
    fn no_preview_is_kept_longer_than_the_administrator_allows_but_one_that_is_pinned() {
        let operator = PreviewOperator {
            maximum_ttl: Some(Duration::from_secs(100)),
            ..PreviewOperator::default()
        };
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
        let operator = PreviewOperator {
            maximum_ttl: Some(Duration::from_secs(100)),
            ..PreviewOperator::default()
        };
        let source = Fixed::empty().at(at(1_000_000));
        let view = View::new(&source);
        let bounds = Bounds { maximum: operator.maximum_ttl, ..Bounds::default() };
        assert_eq!(Expiry::of(&with_ttl("1s"), &bounds, &view).unwrap(), None);
        assert_eq!(view.moments().next.or(view.moments().past), None);
        let known = Expiry::of(&until(1_000_001), &bounds, &view).unwrap().unwrap();
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
        assert_eq!(
            (next(0), next(90_000), next(100_000)),
            ((None, Some(90)), (Some(90), Some(100)), (Some(100), None))
        );
    }

    #[test]
    fn the_end_is_in_the_status_and_the_warning_says_how_to_keep_it() {
        let operator = PreviewOperator::default();
        let shown = |preview: &PreviewEnvironment, millis| {
            observed_in(&operator, preview, &seen(millis), &[], |observed| {
                operator.status(preview, observed)
            })
            .expires_at
            .map(|time| time.0)
        };
        assert_eq!(shown(&with_ttl("100s"), 0), Some(at(100)));
        assert_eq!(shown(&preview("web"), 0), None);
        let told = |preview: &PreviewEnvironment, millis| {
            let conditions = observed_in(&operator, preview, &seen(millis), &[], |observed| {
                operator.conditions(preview, observed)
            });
            conditions.into_iter().find(|condition| condition.type_ == EXPIRING)
        };
        assert_eq!(told(&with_ttl("100s"), 89_999), None);
        let near = told(&with_ttl("100s"), 90_000).unwrap();
        assert_eq!((near.status, near.reason, near.warns), (Some(true), "ExpiresSoon", true));
        assert!(
            near.message.starts_with("it is deleted at 2027-01-15T08:01:40Z: ")
                && near.message.contains("spec.expiresAt")
        );
        assert!(
            told(&until(100), 95_000).unwrap().message.contains("write a later spec.expiresAt")
        );
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
        assert_eq!(
            retire.message,
            "it was kept until 2027-01-15T08:00:10Z, as spec.ttl says, after the last change of its spec"
        );
        short.spec.fqdn = "*".into();
        assert_eq!(retired(&short), Some(retire));
        assert_eq!(retired(&with_ttl("11s")), None);
    }

    #[test]
    fn a_duration_that_the_schema_would_not_let_pass_is_refused() {
        let source = seen(0);
        let refused =
            PreviewOperator::default().build(&with_ttl("3d"), &View::new(&source)).err().unwrap();
        assert!(refused.reason == "TtlNotUsable" && refused.message.contains("72h"), "{refused:?}");
    }

    #[test]
    fn a_preview_that_does_not_say_is_kept_as_long_as_a_policy_has_it_by_default_and_none_longer_than_it_allows()
     {
        let limits = serde_json::json!({ "limits": { "defaultTtl": "100s", "maxTtl": "1000s" } });
        let policy = crate::preview::policy::tests::policy("p", limits);
        let ends = |preview: &PreviewEnvironment| {
            let (operator, source) = (PreviewOperator::default(), seen(0).with(policy.clone()));
            let status = observed_in(&operator, preview, &source, &[], |observed| {
                operator.status(preview, observed)
            });
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

    #[test]
    fn a_preview_that_cannot_work_tells_its_end_and_warns_of_it_too() {
        let mut refused = with_ttl("100s");
        refused.spec.fqdn = "*".into();
        let source = seen(95_000);
        let invalid =
            PreviewOperator::default().build(&refused, &View::new(&source)).err().unwrap();
        let expiry = invalid.facts.get::<Expiry>().unwrap();
        assert_eq!((expiry.at, expiry.phase), (at(100), Phase::Near));
    }

    /// The same preview after the operator told this: until when it is kept, if it said so, of
    /// generation 1.
    fn told(preview: &PreviewEnvironment, end: Option<i64>) -> PreviewEnvironment {
        let mut preview = preview.clone();
        preview.metadata.generation = Some(1);
        let time = |second| Time(at(second));
        preview.status = Some(PreviewEnvironmentStatus {
            observed_generation: Some(1),
            expires_at: end.map(time),
            changed_at: end.map(|_| time(0)),
            ..PreviewEnvironmentStatus::default()
        });
        preview
    }

    /// The same after it was told to end then, and warned of that.
    fn warned(preview: &PreviewEnvironment, end: i64) -> PreviewEnvironment {
        let mut preview = told(preview, Some(end));
        preview.status.as_mut().unwrap().conditions =
            vec![k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition {
                last_transition_time: Time(at(0)),
                message: String::new(),
                observed_generation: None,
                reason: "ExpiresSoon".into(),
                status: "True".into(),
                type_: EXPIRING.into(),
            }];
        preview
    }

    /// Where the longest that previews are kept is so many seconds, at this second: when it ends,
    /// whether it warns or is over.
    fn ends(preview: &PreviewEnvironment, longest: u64, second: i64) -> (i64, Phase) {
        let operator = PreviewOperator {
            maximum_ttl: Some(Duration::from_secs(longest)),
            ..PreviewOperator::default()
        };
        let expiry = expiry(&operator, preview, &seen(second * 1_000)).unwrap();
        (expiry.at.duration_since(at(0)).as_secs(), expiry.phase)
    }

    #[test]
    fn a_limit_that_becomes_shorter_ends_nothing_without_the_usual_warning() {
        let promised = told(&with_ttl("100s"), Some(100));
        assert_eq!(
            ends(&promised, 1, 50),
            (61, Phase::Near),
            "a tenth of what it was told, and it warns at once"
        );
        let longer = told(&with_ttl("1000h"), Some(3_600_000));
        assert_eq!(ends(&longer, 60, 1_000), (4_601, Phase::Near), "an hour at most");
        assert_eq!(ends(&promised, 1, 95), (100, Phase::Near), "never longer than it was told");
        assert_eq!(
            ends(&promised, 80, 50),
            (80, Phase::Far),
            "a limit that leaves it more time than that counts as it is"
        );
        assert_eq!(
            ends(&told(&preview("web"), None), 60, 7_000),
            (10_601, Phase::Near),
            "it was told that it has no end"
        );
    }

    #[test]
    fn what_was_told_in_a_grace_counts_from_then_on_whatever_restarts_there_are() {
        for promised in [Some(100), Some(1_000_000), None] {
            let mut preview = told(&with_ttl("1000h"), promised);
            let (end, _) = ends(&preview, 1, 50);
            for (second, phase) in
                [(50, Phase::Near), (50, Phase::Near), (end - 1, Phase::Near), (end, Phase::Over)]
            {
                assert_eq!(ends(&preview, 1, second), (end, phase), "{second}");
                preview = warned(&preview, end);
            }
            assert_eq!(ends(&preview, 0, end - 1).0, end, "a limit that is shorter still");
            assert_eq!(ends(&preview, 10_000, 60).0, 10_000, "the limit was mended");
        }
    }

    #[test]
    fn a_grace_is_of_limits_and_not_of_what_the_preview_says_itself() {
        let shortened = told(&with_ttl("10s"), Some(100));
        assert_eq!(end_and_phase(&shortened, 50), (10, Phase::Over));
        assert_eq!(end_and_phase(&told(&until(20), Some(100)), 50), (20, Phase::Over));
        assert_eq!(
            ends(&warned(&until(20), 3_600), 10, 5),
            (20, Phase::Near),
            "nor does a grace put off its own end"
        );
    }

    fn end_and_phase(preview: &PreviewEnvironment, second: i64) -> (i64, Phase) {
        let expiry = expiry(&PreviewOperator::default(), preview, &seen(second * 1_000)).unwrap();
        (expiry.at.duration_since(at(0)).as_secs(), expiry.phase)
    }

    #[test]
    fn what_no_right_clock_can_have_told_puts_nothing_off() {
        assert_eq!(
            ends(&warned(&preview("web"), 9_999_999), 10, 50),
            (3_651, Phase::Near),
            "an hour is the longest warning"
        );
        let mut preview = told(&preview("web"), None);
        preview.status.as_mut().unwrap().changed_at = Some(Time(at(9_999_999)));
        assert_eq!(ends(&warned(&preview, 60), 60, 50).0, 60);
        preview.status.as_mut().unwrap().expires_at = Some(Time(at(90)));
        assert_eq!(ends(&preview, 100, 50), (100, Phase::Far), "it counts from what was recorded");
    }

    #[test]
    fn who_was_never_looked_at_is_warned_too_and_who_is_new_is_kept_as_long_as_the_limit_says() {
        assert_eq!(ends(&with_ttl("72h"), 100, 0), (100, Phase::Far));
        assert_eq!(ends(&with_ttl("72h"), 100, 5_000), (5_011, Phase::Near));
        let mut edited = told(&with_ttl("72h"), Some(90));
        edited.metadata.generation = Some(2);
        assert_eq!(ends(&edited, 100, 1), (100, Phase::Far), "each edit begins the time anew");
    }

    #[test]
    fn no_time_in_managed_fields_moves_what_was_told_of_the_same_spec() {
        let operator = PreviewOperator {
            maximum_ttl: Some(Duration::from_secs(100)),
            ..PreviewOperator::default()
        };
        let forged = Fixed::empty().changed(at(5_000)).at(at(50));
        let mut preview = told(&with_ttl("72h"), Some(100));
        let expiry_of = |preview: &PreviewEnvironment| expiry(&operator, preview, &forged).unwrap();
        assert_eq!(
            (expiry_of(&preview).at, expiry_of(&preview).changed_at),
            (at(100), Some(at(0)))
        );
        preview.metadata.generation = Some(2);
        assert_eq!(expiry_of(&preview).at, at(5_100), "an edit counts");
    }

    #[test]
    fn the_warning_names_the_limit_that_is_to_blame() {
        let limits = |limits: serde_json::Value| {
            crate::preview::policy::tests::policy("p", serde_json::json!({ "limits": limits }))
        };
        let message = |operator: &PreviewOperator, world: Fixed| {
            let condition =
                expiry(operator, &told(&preview("web"), None), &world.changed(at(0)).at(at(99)))
                    .unwrap()
                    .condition();
            condition.unwrap().message
        };
        let (set, unset) = (
            PreviewOperator {
                maximum_ttl: Some(Duration::from_secs(100)),
                ..PreviewOperator::default()
            },
            PreviewOperator::default(),
        );
        assert!(
            message(&set, Fixed::empty())
                .contains(": --preview-maximum-ttl of the operator allows no more")
        );
        let longest = Fixed::empty().with(limits(serde_json::json!({ "maxTtl": "100s" })));
        assert!(
            message(&unset, longest).contains(": limits.maxTtl of PreviewPolicy p allows no more")
        );
        let default = Fixed::empty().with(limits(serde_json::json!({ "defaultTtl": "100s" })));
        assert!(
            message(&unset, default).contains(
                ": limits.defaultTtl of PreviewPolicy p is for previews that say nothing"
            )
        );
    }
}
