//! Decides when a preview expires.
//!
//! Lifetimes count from the moment when the current spec was first seen. The status records it, so
//! that a restart of the operator does not change it.

use std::time::Duration;

use kubewright::Timestamp;
use kubewright::time::SignedDuration;
use operator_api::preview::PreviewEnvironment;

use super::announcement::{current_status, postpone, warning_time};
use crate::preview::admission::policy::{Limit, Policies};
use crate::preview::kinds::PreviewView;
use crate::preview::settings::PreviewOperator;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Expiry {
    pub(crate) at: Timestamp,
    pub(super) source: Source,
    /// Whether a limit was due earlier: the preview then ends after a warning.
    pub(super) is_postponed: bool,
    pub(super) phase: Phase,
}

/// The field or setting that ends a preview. Policies have their names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    ExpiresAt,
    Ttl,
    DefaultTtl(Box<str>),
    MaxTtl(Box<str>),
    OperatorMaximum,
}

/// How near the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Later,
    Soon,
    Over,
}

/// When the current spec was first seen: the creation for the first generation, else what the
/// status recorded for this generation, else now. Offline it may be unknown.
pub(crate) fn changed_at(
    preview: &PreviewEnvironment,
    view: &PreviewView<'_>,
) -> Option<Timestamp> {
    if preview.metadata.generation == Some(1) {
        return preview.metadata.creation_timestamp.as_ref().map(|time| time.0);
    }
    let recorded = current_status(preview).and_then(|status| status.changed_at.as_ref());
    // Never in the future: a clock that runs ahead may have recorded it.
    recorded.map(|time| time.0).into_iter().chain(view.now()).min()
}

impl Expiry {
    /// When the preview expires; `None` if nothing ends it.
    pub(crate) fn resolve(
        preview: &PreviewEnvironment,
        changed_at: Option<Timestamp>,
        settings: &PreviewOperator,
        policies: &Policies,
        view: &PreviewView<'_>,
    ) -> Option<Self> {
        let spec = &preview.spec;
        if spec.is_pinned() {
            return None;
        }
        let after =
            |time: Duration| changed_at?.checked_add(SignedDuration::try_from(time).ok()?).ok();
        let own = match (&spec.expires_at, spec.ttl()) {
            (Some(at), _) => Some((at.0, Source::ExpiresAt)),
            (None, Ok(Some(ttl))) => after(ttl).map(|at| (at, Source::Ttl)),
            // Admission rejects a preview whose ttl is not a duration.
            (None, Ok(None) | Err(_)) => None,
        };
        let limit = |limit: Option<Limit<'_, Duration>>, source: fn(Box<str>) -> Source| {
            limit.and_then(|limit| Some((after(limit.value)?, source(limit.policy.into()))))
        };
        let has_own = spec.expires_at.is_some() || spec.ttl.is_some();
        let limits = [
            limit(policies.default_ttl().filter(|_| !has_own), Source::DefaultTtl),
            limit(policies.max_ttl(), Source::MaxTtl),
            settings.maximum_ttl.and_then(after).map(|at| (at, Source::OperatorMaximum)),
        ];
        let limit = limits.into_iter().flatten().min_by_key(|(due, _)| *due);
        let limit = limit.map(|(due, source)| {
            let at = postpone(preview, due, changed_at, view.now());
            (at, source, at > due)
        });
        let own = own.map(|(at, source)| (at, source, false));
        let ends = own.into_iter().chain(limit);
        let (at, source, is_postponed) = ends.min_by_key(|(at, ..)| *at)?;
        let warns_at = at.checked_sub(warning_time(at, changed_at)).unwrap_or(at);
        let phase = if view.is_past(at) {
            Phase::Over
        } else if is_postponed || view.is_past(warns_at) {
            Phase::Soon
        } else {
            Phase::Later
        };
        Some(Self { at, source, is_postponed, phase })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
    use kubewright::Operator;
    use operator_api::preview::{EXPIRING, PreviewEnvironmentStatus};
    use serde_json::json;

    use super::*;
    use crate::preview::admission::policy::tests::policy;
    use crate::testing::{self, FakeCluster, created_at, report_in, view_of};

    /// The second in which the previews are created.
    const CREATED: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(CREATED + second).unwrap()
    }

    fn preview() -> PreviewEnvironment {
        let mut preview = created_at(testing::preview("web"), CREATED);
        preview.metadata.generation = Some(1);
        preview
    }

    fn with_ttl(ttl: &str) -> PreviewEnvironment {
        let mut preview = preview();
        preview.spec.ttl = Some(ttl.into());
        preview
    }

    fn until(second: i64) -> PreviewEnvironment {
        let mut preview = preview();
        preview.spec.expires_at = Some(Time(at(second)));
        preview
    }

    /// A cluster so many milliseconds after the creation.
    fn after(millis: i64) -> FakeCluster {
        FakeCluster::empty().at(at(0) + SignedDuration::from_millis(millis))
    }

    fn with_maximum(seconds: u64) -> PreviewOperator {
        PreviewOperator {
            maximum_ttl: Some(Duration::from_secs(seconds)),
            ..PreviewOperator::default()
        }
    }

    fn expiry(
        settings: &PreviewOperator,
        preview: &PreviewEnvironment,
        cluster: &FakeCluster,
    ) -> Option<Expiry> {
        let view = view_of(cluster);
        let policies = Policies::selecting("shop", None, &view);
        Expiry::resolve(preview, changed_at(preview, &view), settings, &policies, &view)
    }

    fn phase(preview: &PreviewEnvironment, millis: i64) -> Option<Phase> {
        expiry(&PreviewOperator::default(), preview, &after(millis)).map(|expiry| expiry.phase)
    }

    /// The end, in seconds after the creation.
    fn end(settings: &PreviewOperator, preview: &PreviewEnvironment) -> Option<i64> {
        let expiry = expiry(settings, preview, &after(0))?;
        Some(expiry.at.duration_since(at(0)).as_secs())
    }

    #[test]
    fn a_preview_expires_to_the_second_and_warns_for_a_tenth_of_its_lifetime() {
        let preview = with_ttl("1000s");
        for (millis, expected) in [
            (0, Phase::Later),
            (899_999, Phase::Later),
            (900_000, Phase::Soon),
            (999_999, Phase::Soon),
            (1_000_000, Phase::Over),
        ] {
            assert_eq!(phase(&preview, millis), Some(expected), "{millis}");
        }
    }

    #[test]
    fn a_warning_is_not_longer_than_an_hour() {
        let (preview, hour) = (with_ttl("72h"), 3_600_000);
        assert_eq!(phase(&preview, 71 * hour - 1), Some(Phase::Later));
        assert_eq!(phase(&preview, 71 * hour), Some(Phase::Soon));
    }

    #[test]
    fn expires_at_has_precedence_over_ttl_and_a_pin_over_both() {
        let settings = PreviewOperator::default();
        let mut both = until(50);
        both.spec.ttl = Some("10s".into());
        assert_eq!(
            (end(&settings, &with_ttl("1h1m1s")), end(&settings, &both)),
            (Some(3661), Some(50))
        );
        both.spec.pinned = Some(true);
        assert_eq!((end(&settings, &both), end(&settings, &preview())), (None, None));
        assert_eq!(phase(&until(-5), 0), Some(Phase::Over), "a time in the past expires at once");
    }

    #[test]
    fn no_preview_lives_longer_than_the_maximum_unless_it_is_pinned() {
        let settings = with_maximum(100);
        assert_eq!(end(&settings, &with_ttl("99s")), Some(99));
        assert_eq!(end(&settings, &with_ttl("101s")), Some(100));
        assert_eq!(end(&settings, &until(500)), Some(100));
        assert_eq!(end(&settings, &preview()), Some(100), "also without a ttl");
        let mut pinned = preview();
        pinned.spec.pinned = Some(true);
        assert_eq!(end(&settings, &pinned), None);
    }

    #[test]
    fn the_time_of_an_edit_is_when_it_was_first_seen_and_stays_that_after_a_restart() {
        let changed = |preview: &PreviewEnvironment, second: i64| {
            let cluster = after(second * 1_000);
            changed_at(preview, &view_of(&cluster)).map(|time| time.duration_since(at(0)).as_secs())
        };
        let mut preview = announced(&preview(), None);
        assert_eq!(changed(&preview, 50), Some(0), "the first generation counts from the creation");
        preview.metadata.generation = Some(2);
        assert_eq!(changed(&preview, 50), Some(50));
        let status = preview.status.as_mut().unwrap();
        (status.observed_generation, status.changed_at) = (Some(2), Some(Time(at(50))));
        assert_eq!(changed(&preview, 70), Some(50));
        assert_eq!(changed(&preview, 40), Some(40), "a clock that ran ahead recorded it");
        preview.metadata.generation = Some(3);
        assert_eq!(changed(&preview, 5_000), Some(5_000), "an edit while the operator was down");
        let cluster = FakeCluster::empty();
        assert_eq!(changed_at(&preview, &view_of(&cluster)), None, "offline");
    }

    #[test]
    fn without_a_time_of_the_last_change_no_duration_ends_a_preview() {
        let (settings, cluster) = (with_maximum(100), after(1_000_000_000));
        let view = view_of(&cluster);
        let resolve = |preview: &PreviewEnvironment| {
            Expiry::resolve(preview, None, &settings, &Policies::default(), &view)
        };
        assert_eq!(resolve(&with_ttl("1s")), None);
        assert_eq!(view.asked_times().earliest_future.or(view.asked_times().latest_past), None);
        assert_eq!(resolve(&until(1_000_001)).unwrap().phase, Phase::Soon, "an hour before");
    }

    #[test]
    fn the_preview_wakes_for_its_warning_and_then_for_its_end() {
        let moments = |millis| {
            let cluster = after(millis);
            let view = view_of(&cluster);
            let _ = PreviewOperator::default().build(&with_ttl("100s"), &view);
            let seconds =
                |time: Option<Timestamp>| time.map(|time| time.duration_since(at(0)).as_secs());
            (seconds(view.asked_times().latest_past), seconds(view.asked_times().earliest_future))
        };
        assert_eq!(
            (moments(0), moments(90_000), moments(100_000)),
            ((None, Some(90)), (Some(90), Some(100)), (Some(100), None))
        );
    }

    #[test]
    fn the_status_has_the_end_and_the_time_of_the_last_change() {
        let report = |preview: &PreviewEnvironment, millis| {
            report_in(&PreviewOperator::default(), preview, &after(millis), &[])
        };
        let times = |preview: &PreviewEnvironment| {
            let status = report(preview, 0).status;
            (status.expires_at.map(|time| time.0), status.changed_at.map(|time| time.0))
        };
        assert_eq!(times(&with_ttl("100s")), (Some(at(100)), Some(at(0))));
        assert_eq!(times(&preview()), (None, Some(at(0))));
        let expiring = |millis| {
            let conditions = report(&with_ttl("100s"), millis).conditions;
            conditions.into_iter().find(|condition| condition.type_ == EXPIRING)
        };
        assert_eq!(expiring(89_999), None);
        let soon = expiring(90_000).unwrap();
        assert_eq!((soon.status, soon.reason, soon.warns), (Some(true), "ExpiresSoon", true));
        assert!(soon.message.starts_with("expires at 2027-01-15T08:01:40Z "), "{}", soon.message);
        assert_eq!(expiring(100_000).unwrap().reason, "Expired");
    }

    #[test]
    fn an_expired_preview_is_deleted_also_if_it_was_rejected() {
        let expired = |preview: &PreviewEnvironment| {
            testing::expired_in(&PreviewOperator::default(), preview, &after(10_000))
        };
        let mut short = with_ttl("10s");
        let event = expired(&short).unwrap();
        assert_eq!(
            event,
            (
                "Expired",
                "expired at 2027-01-15T08:00:10Z: spec.ttl, counted from the last change of the \
                 spec"
                    .to_owned()
            )
        );
        short.spec.fqdn = "*".into();
        assert_eq!(expired(&short), Some(event));
        assert_eq!(expired(&with_ttl("11s")), None);
    }

    #[test]
    fn a_rejected_preview_reports_its_end_and_warns_of_it() {
        let mut rejected = with_ttl("100s");
        rejected.spec.fqdn = "*".into();
        let report = report_in(&PreviewOperator::default(), &rejected, &after(95_000), &[]);
        assert_eq!(report.status.expires_at.map(|time| time.0), Some(at(100)));
        assert!(report.conditions.iter().any(|condition| condition.reason == "ExpiresSoon"));
    }

    #[test]
    fn a_ttl_that_is_not_a_duration_is_rejected() {
        let operator = PreviewOperator::default();
        let rejected = testing::rejection_in(&operator, &with_ttl("3d"), &after(0)).unwrap();
        assert!(
            rejected.reason() == "TtlNotUsable" && rejected.message().contains("72h"),
            "{rejected:?}"
        );
    }

    #[test]
    fn a_policy_sets_the_default_lifetime_and_the_maximum() {
        let limits = json!({ "limits": { "defaultTtl": "100s", "maxTtl": "1000s" } });
        let cluster = after(0).with(policy("p", limits));
        let end = |preview: &PreviewEnvironment| {
            expiry(&PreviewOperator::default(), preview, &cluster).map(|expiry| expiry.at)
        };
        assert_eq!(end(&preview()), Some(at(100)));
        assert_eq!(end(&with_ttl("500s")), Some(at(500)));
        assert_eq!(end(&with_ttl("5000s")), Some(at(1000)));
        assert_eq!(end(&until(50)), Some(at(50)));
        let mut pinned = preview();
        pinned.spec.pinned = Some(true);
        assert_eq!(end(&pinned), None);
    }

    /// The preview with a status of its first generation that announced this end.
    fn announced(preview: &PreviewEnvironment, end: Option<i64>) -> PreviewEnvironment {
        let mut preview = preview.clone();
        preview.status = Some(PreviewEnvironmentStatus {
            observed_generation: Some(1),
            expires_at: end.map(|second| Time(at(second))),
            changed_at: Some(Time(at(0))),
            ..PreviewEnvironmentStatus::default()
        });
        preview
    }

    /// The same with a status that warned of this end.
    fn warned(preview: &PreviewEnvironment, end: i64) -> PreviewEnvironment {
        let mut preview = announced(preview, Some(end));
        preview.status.as_mut().unwrap().conditions = vec![Condition {
            last_transition_time: Time(at(0)),
            message: String::new(),
            observed_generation: None,
            reason: "ExpiresSoon".into(),
            status: "True".into(),
            type_: EXPIRING.into(),
        }];
        preview
    }

    /// The end in seconds and its phase, in this second, with a maximum of so many seconds.
    fn limited(preview: &PreviewEnvironment, maximum: u64, second: i64) -> (i64, Phase) {
        let expiry = expiry(&with_maximum(maximum), preview, &after(second * 1_000)).unwrap();
        (expiry.at.duration_since(at(0)).as_secs(), expiry.phase)
    }

    #[test]
    fn a_limit_that_became_shorter_ends_a_preview_only_after_a_warning() {
        let hundred = announced(&with_ttl("100s"), Some(100));
        assert_eq!(
            limited(&hundred, 1, 50),
            (61, Phase::Soon),
            "a tenth of the announced lifetime, and the warning begins at once"
        );
        let longer = announced(&with_ttl("1000h"), Some(3_600_000));
        assert_eq!(limited(&longer, 60, 1_000), (4_601, Phase::Soon), "at most an hour");
        assert_eq!(limited(&hundred, 1, 95), (100, Phase::Soon), "not after the announced end");
        assert_eq!(
            limited(&hundred, 80, 50),
            (80, Phase::Later),
            "a limit that leaves more time than the warning applies unchanged"
        );
        assert_eq!(
            limited(&announced(&preview(), None), 60, 7_000),
            (10_601, Phase::Soon),
            "the status announced no end"
        );
    }

    #[test]
    fn the_event_of_a_postponed_end_does_not_count_from_the_last_change() {
        let event = |preview: &PreviewEnvironment, second: i64| {
            let cluster = after(second * 1_000);
            testing::expired_in(&with_maximum(60), preview, &cluster).unwrap().1
        };
        let source = "--preview-maximum-ttl of the operator";
        assert_eq!(
            event(&announced(&preview(), Some(60)), 60),
            format!("expired at {}: {source}, counted from the last change of the spec", at(60))
        );
        assert_eq!(
            event(&warned(&preview(), 3_000), 3_000),
            format!("expired at {}: {source}", at(3_000)),
            "after a warning"
        );
    }

    #[test]
    fn an_announced_end_stays_the_same_after_restarts_and_shorter_limits() {
        for end in [Some(100), Some(1_000_000), None] {
            let mut preview = announced(&with_ttl("1000h"), end);
            let (end, _) = limited(&preview, 1, 50);
            for (second, phase) in
                [(50, Phase::Soon), (50, Phase::Soon), (end - 1, Phase::Soon), (end, Phase::Over)]
            {
                assert_eq!(limited(&preview, 1, second), (end, phase), "{second}");
                preview = warned(&preview, end);
            }
            assert_eq!(limited(&preview, 0, end - 1).0, end, "an even shorter limit");
            assert_eq!(limited(&preview, 10_000, 60).0, 10_000, "the limit became longer again");
        }
    }

    #[test]
    fn only_limits_wait_for_a_warning_and_not_the_fields_of_the_spec() {
        let end_and_phase = |preview: &PreviewEnvironment| {
            let expiry = expiry(&PreviewOperator::default(), preview, &after(50_000)).unwrap();
            (expiry.at.duration_since(at(0)).as_secs(), expiry.phase)
        };
        let shortened = announced(&with_ttl("10s"), Some(100));
        assert_eq!(end_and_phase(&shortened), (10, Phase::Over));
        assert_eq!(end_and_phase(&announced(&until(20), Some(100))), (20, Phase::Over));
        assert_eq!(
            limited(&warned(&until(20), 3_600), 10, 5).0,
            20,
            "a warning of a limit does not postpone the end of the spec"
        );
    }

    #[test]
    fn a_status_that_a_wrong_clock_wrote_postpones_nothing_for_long() {
        assert_eq!(
            limited(&warned(&preview(), 9_999_999), 10, 50),
            (3_651, Phase::Soon),
            "an hour is the longest warning"
        );
        let mut edited = announced(&preview(), Some(90));
        edited.metadata.generation = Some(2);
        let status = edited.status.as_mut().unwrap();
        (status.observed_generation, status.changed_at) = (Some(2), Some(Time(at(9_999_999))));
        assert_eq!(limited(&edited, 100, 50), (150, Phase::Later), "the time starts again");
    }

    #[test]
    fn a_preview_that_was_never_seen_warns_too_and_a_new_one_lives_as_long_as_the_limit() {
        assert_eq!(limited(&with_ttl("72h"), 100, 0), (100, Phase::Later));
        assert_eq!(limited(&with_ttl("72h"), 100, 5_000), (5_011, Phase::Soon));
        let mut edited = announced(&with_ttl("72h"), Some(90));
        edited.metadata.generation = Some(2);
        assert_eq!(limited(&edited, 100, 1), (101, Phase::Later), "an edit starts the time again");
    }
}
