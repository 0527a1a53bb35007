//! Whether a preview exceeds the limits of its policies. If a namespace has too many previews, the
//! oldest run.

use kubewright::{Index, Ordered, Part, Rank, of};
use operator_api::preview::{POLICY_NOT_READABLE, PreviewClaim, TOO_MANY_PREVIEWS};

use super::candidate::{Candidate, IMAGE_NOT_ALLOWED};
use super::decision::Refusal;
use super::policy::Policies;

/// Previews by namespace, the oldest first.
struct ByNamespace;

impl Index for ByNamespace {
    type Of = Part<PreviewClaim>;

    fn keys(claim: &PreviewClaim) -> Vec<String> {
        claim.metadata.namespace.iter().cloned().collect()
    }
}

impl Ordered for ByNamespace {
    fn rank(claim: &PreviewClaim) -> Rank {
        Rank::oldest(&claim.metadata)
    }
}

/// Why the preview gets no pods and no route: a policy that cannot be read, its image, or the
/// number of previews.
pub(super) fn blocking(candidate: &Candidate<'_>) -> Option<Refusal> {
    unreadable(candidate).or_else(|| image(candidate)).or_else(|| number(candidate))
}

/// Only a new preview is refused: it cannot be known what the policy allows.
fn unreadable(candidate: &Candidate<'_>) -> Option<Refusal> {
    let unreadable = candidate.policies.unreadable()?;
    Some(Refusal::new(
        POLICY_NOT_READABLE,
        format!(
            "PreviewPolicy {} cannot be read ({}), so no new preview starts here: an administrator \
             must correct the policy",
            unreadable.policy, unreadable.value
        ),
    ))
}

fn image(candidate: &Candidate<'_>) -> Option<Refusal> {
    let image = &candidate.preview.spec.image;
    let limit = candidate.policies.rejects_image(image)?;
    let prefixes = limit.value.join(" or ");
    Some(Refusal::new(
        IMAGE_NOT_ALLOWED,
        format!(
            "spec.image is {image}, but PreviewPolicy {} allows only images that start with \
             {prefixes}: push the image there, and write its new name",
            limit.policy
        ),
    ))
}

/// Counts all previews of the namespace, whatever their state. So the number depends neither on who
/// holds a host nor on the spec of another preview.
fn number(candidate: &Candidate<'_>) -> Option<Refusal> {
    let limit = candidate.policies.previews()?;
    let (namespace, own) = (candidate.namespace_name(), &candidate.claim);
    if candidate.view.is_among_first(of::<ByNamespace>(), namespace, limit.value, own) {
        return None;
    }
    let policy = limit.policy;
    let message = match limit.value {
        0 => format!(
            "PreviewPolicy {policy} allows no previews in namespace {namespace}: this preview \
             starts when the limit is raised"
        ),
        most => format!(
            "PreviewPolicy {policy} allows {most} preview{plural} in namespace {namespace}, which \
             has at least {most} older preview{plural}: this preview starts when enough of them \
             are deleted, or when the limit is raised",
            plural = if most == 1 { "" } else { "s" },
        ),
    };
    Some(Refusal::new(TOO_MANY_PREVIEWS, message))
}

/// Whether the preview gets fewer pods than its spec asks for.
pub(super) fn replicas(replicas: i32, policies: &Policies) -> Option<Refusal> {
    let limit = policies.replicas().filter(|limit| replicas > limit.value)?;
    let message = format!(
        "spec.replicas is {replicas}, but PreviewPolicy {} allows {most}, so {most} run: lower \
         spec.replicas, or raise the limit",
        limit.policy,
        most = limit.value,
    );
    Some(Refusal::new("TooManyReplicas", message).without_stalling())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use operator_api::preview::{PreviewEnvironment, StoredPolicy};
    use serde_json::json;

    use super::*;
    use crate::preview::admission::policy::tests::policy;
    use crate::preview::settings::PreviewOperator;
    use crate::testing::{self, FakeCluster, Readiness, created_at, view_of};

    fn preview(name: &str, second: i64) -> PreviewEnvironment {
        created_at(testing::preview(name), second)
    }

    fn cluster(policies: &[StoredPolicy], previews: &[PreviewEnvironment]) -> FakeCluster {
        let cluster = policies
            .iter()
            .fold(testing::with_ambassador(), |cluster, policy| cluster.with(policy.clone()));
        previews.iter().fold(cluster, testing::beside)
    }

    /// The objects, `status.ready`, and the reasons of RouteAccepted, LimitExceeded and Ready.
    fn outcome(
        preview: &PreviewEnvironment,
        cluster: &FakeCluster,
    ) -> (Vec<String>, String, Vec<&'static str>) {
        let operator = PreviewOperator::default();
        let names = testing::names_in(&operator, preview, cluster);
        let ready = Readiness::Ready(String::new());
        let report = testing::report_with(&operator, preview, cluster, &[], &ready);
        let ready = match report.readiness {
            Readiness::Stalled(reason, _) => reason,
            Readiness::Ready(_) | Readiness::Progressing(..) => "Ready",
        };
        let reasons = report.conditions.iter().map(|condition| condition.reason).chain([ready]);
        (names, report.status.ready.unwrap(), reasons.collect())
    }

    #[test]
    fn of_too_many_previews_the_oldest_run_and_the_others_have_no_pods_and_no_route() {
        let all = [preview("c", 3), preview("a", 1), preview("b", 2), preview("b2", 2)];
        let cluster = cluster(&[policy("two", json!({ "limits": { "previews": 2 } }))], &all);
        for (preview, runs) in all.iter().zip([false, true, true, false]) {
            let (names, ready, reasons) = outcome(preview, &cluster);
            if runs {
                assert_eq!(
                    (names.len(), ready.as_str(), reasons.contains(&"TooManyPreviews")),
                    (3, "0/1", false),
                    "{reasons:?}"
                );
            } else {
                assert_eq!((names.len(), ready.as_str()), (2, "0/0"), "{names:?}");
                assert_eq!(reasons, ["TooManyPreviews"; 3]);
            }
        }
    }

    #[test]
    fn a_preview_counts_itself_although_the_cluster_does_not_show_it_yet() {
        let one = |limit: usize, all: &[PreviewEnvironment]| {
            let cluster = cluster(&[policy("p", json!({ "limits": { "previews": limit } }))], all);
            let (settings, view) = (PreviewOperator::default(), view_of(&cluster));
            blocking(&Candidate::new(&preview("b", 2), &settings, &view)).is_some()
        };
        assert!(!one(1, &[]) && !one(1, &[preview("c", 3)]));
        assert!(one(1, &[preview("a", 1)]) && !one(2, &[preview("a", 1)]));
        let mut elsewhere = preview("a", 1);
        elsewhere.metadata.namespace = Some("other".into());
        assert!(!one(1, &[elsewhere]));
    }

    #[test]
    fn the_message_names_the_policy_and_when_the_preview_starts() {
        let all = [preview("a", 1), preview("b", 2), preview("c", 3)];
        for (most, message) in [
            (0, "PreviewPolicy p allows no previews in namespace shop: this preview starts when "),
            (
                1,
                "PreviewPolicy p allows 1 preview in namespace shop, which has at least 1 older \
                 preview: ",
            ),
            (
                2,
                "PreviewPolicy p allows 2 previews in namespace shop, which has at least 2 older \
                 previews: ",
            ),
        ] {
            let cluster = cluster(&[policy("p", json!({ "limits": { "previews": most } }))], &all);
            let settings = PreviewOperator::default();
            let view = view_of(&cluster);
            let refusal = blocking(&Candidate::new(&all[2], &settings, &view)).unwrap();
            assert!(refusal.message.starts_with(message), "{}", refusal.message);
        }
    }

    #[test]
    fn an_image_that_a_policy_does_not_allow_does_not_run() {
        let only =
            |prefix: &str| cluster(&[policy("p", json!({ "imagePrefixes": [prefix] }))], &[]);
        let (names, ready, reasons) = outcome(&preview("a", 1), &only("registry.example.com/"));
        assert_eq!((names.len(), ready.as_str(), reasons), (2, "0/0", vec!["ImageNotAllowed"; 3]));
        let (operator, cluster) = (PreviewOperator::default(), only("registry.example.com/"));
        let report = testing::report_in(&operator, &preview("a", 1), &cluster, &[]);
        let route = &report.conditions[0].message;
        assert!(!route.contains("reachable inside"), "{route}: nothing runs");
        assert!(
            !report.conditions.iter().any(|condition| condition.warns),
            "Ready warns already, and one warning is enough"
        );
        assert_eq!(outcome(&preview("a", 1), &only("example.com/")).1, "0/1");
    }

    #[test]
    fn a_preview_with_too_many_replicas_runs_as_many_as_the_policy_allows_and_is_ready() {
        let cluster = cluster(&[policy("p", json!({ "limits": { "replicas": 2 } }))], &[]);
        let mut preview = preview("a", 1);
        preview.spec.replicas = Some(5);
        let (names, ready, reasons) = outcome(&preview, &cluster);
        assert_eq!((names.len(), ready.as_str()), (3, "0/2"));
        assert_eq!(reasons, ["RouteNotInPlace", "TooManyReplicas", "Ready"]);
        preview.spec.replicas = Some(2);
        assert_eq!(outcome(&preview, &cluster).2, ["RouteNotInPlace", "Ready"]);
    }
}
