//! Whether a preview asks for more than its policies allow. What one limit takes away does not
//! depend on when the policy or the preview came: of too many, those that were made first are
//! taken.

use kubewright::{Condition, Part, View};
use operator_api::preview::{
    LIMIT_EXCEEDED, PreviewClaim, PreviewEnvironment, PreviewPlace, TOO_MANY_PREVIEWS,
};

use super::findings::Exceeded;
use super::kinds::Reads;
use super::policy::Rules;
use super::rank::rank;

/// What a preview asks for beyond its limits that keeps all of it from running.
pub(super) fn held(
    claim: &PreviewClaim,
    rules: &Rules,
    view: &View<'_, Reads>,
) -> Option<Exceeded> {
    image(claim, rules).or_else(|| number(claim, rules, view))
}

fn image(claim: &PreviewClaim, rules: &Rules) -> Option<Exceeded> {
    let image = &claim.spec.image;
    let limit = rules.refuses_image(image)?;
    let message = format!(
        "spec.image is {image}, and PreviewPolicy {} allows only images that begin with {}",
        limit.policy,
        limit.value.join(" or ")
    );
    Some(Exceeded { reason: "ImageNotAllowed", message, held: true })
}

/// All that are there count, whatever becomes of them: so it does not depend on who holds a host,
/// and an edit of one is no matter of the others.
fn number(claim: &PreviewClaim, rules: &Rules, view: &View<'_, Reads>) -> Option<Exceeded> {
    let (limit, own) = (rules.previews()?, &claim.metadata);
    let namespace = own.namespace.as_deref().unwrap_or_default();
    let all = view.list::<Part<PreviewPlace>, _>(Some(namespace), &[]);
    let older = all.iter().filter(|other| rank(&other.metadata) < rank(own)).count();
    let message = || match limit.value {
        0 => format!(
            "PreviewPolicy {} allows no preview in namespace {namespace}: this one starts when the limit is raised",
            limit.policy
        ),
        most => format!(
            "PreviewPolicy {} allows {most} preview{} in namespace {namespace}, and {older} older than this one {} there: it starts \
             when enough of them are gone, or when the limit is raised",
            limit.policy,
            if most == 1 { "" } else { "s" },
            if older == 1 { "is" } else { "are" },
        ),
    };
    (older >= limit.value).then(|| Exceeded {
        reason: TOO_MANY_PREVIEWS,
        message: message(),
        held: true,
    })
}

/// What it asks for beyond its limits and gets a part of.
pub(super) fn replicas(preview: &PreviewEnvironment, rules: &Rules) -> Option<Exceeded> {
    let (limit, asked) = (rules.replicas()?, preview.spec.replicas());
    let message = || {
        format!(
            "spec.replicas is {asked}, and PreviewPolicy {} allows {}: so many run",
            limit.policy, limit.value
        )
    };
    (asked > limit.value).then(|| Exceeded {
        reason: "TooManyReplicas",
        message: message(),
        held: false,
    })
}

/// The condition [`LIMIT_EXCEEDED`], where it is so. Of what keeps all of it from running, the
/// verdict warns.
pub(super) fn condition(exceeded: &Exceeded) -> Condition {
    let condition =
        Condition::new(LIMIT_EXCEEDED, Some(true), exceeded.reason, exceeded.message.clone());
    if exceeded.held { condition } else { condition.warned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;
    use kubewright::core::view::Fixed;
    use kubewright::{Operator, Verdict};
    use operator_api::preview::PreviewPolicy;
    use serde_json::json;

    use super::*;
    use crate::preview::PreviewOperator;
    use crate::preview::policy::tests::policy;
    use crate::testing;

    fn preview(name: &str, second: i64) -> PreviewEnvironment {
        let mut preview = testing::preview(name);
        preview.metadata.uid = Some(format!("uid-{name}"));
        preview.metadata.creation_timestamp = Some(Time(Timestamp::from_second(second).unwrap()));
        preview
    }

    fn world(policies: &[PreviewPolicy], previews: &[PreviewEnvironment]) -> Fixed {
        let world = policies
            .iter()
            .fold(testing::with_ambassador(), |world, policy| world.with(policy.clone()));
        previews.iter().fold(world, testing::beside)
    }

    /// Its objects, the number of its pods, and what is said: RouteAccepted, LimitExceeded, Ready.
    fn outcome(
        preview: &PreviewEnvironment,
        world: &Fixed,
    ) -> (Vec<String>, String, Vec<&'static str>) {
        let operator = PreviewOperator::default();
        let names = testing::names_in(&operator, preview, world);
        testing::observed_in(&operator, preview, world, &[], |observed| {
            let conditions = operator.conditions(preview, observed);
            let ready = match operator.verdict(preview, observed, Verdict::Ready(String::new())) {
                Verdict::Stalled(reason, _) => reason,
                Verdict::Ready(_) | Verdict::Progressing(..) => "Ready",
            };
            let said = conditions.iter().map(|condition| condition.reason).chain([ready]).collect();
            (names.clone(), operator.status(preview, observed).ready.unwrap(), said)
        })
    }

    #[test]
    fn of_too_many_the_first_are_taken_and_the_others_are_held_without_pods_and_route() {
        let all = [preview("c", 3), preview("a", 1), preview("b", 2), preview("b2", 2)];
        let world = world(&[policy("two", json!({ "limits": { "previews": 2 } }))], &all);
        for (preview, taken) in all.iter().zip([false, true, true, false]) {
            let (names, ready, said) = outcome(preview, &world);
            if taken {
                assert_eq!(
                    (names.len(), ready.as_str(), said.contains(&"TooManyPreviews")),
                    (3, "0/1", false),
                    "{said:?}"
                );
            } else {
                assert_eq!((names.len(), ready.as_str()), (2, "0/0"), "{names:?}");
                assert_eq!(said, ["TooManyPreviews"; 3]);
            }
        }
    }

    #[test]
    fn who_is_held_is_told_by_whom_and_until_when() {
        let all = [preview("a", 1), preview("b", 2), preview("c", 3)];
        for (most, told) in [
            (
                0,
                "PreviewPolicy p allows no preview in namespace shop: this one starts when the limit is raised",
            ),
            (
                1,
                "PreviewPolicy p allows 1 preview in namespace shop, and 2 older than this one are there: it starts when ",
            ),
            (
                2,
                "PreviewPolicy p allows 2 previews in namespace shop, and 2 older than this one are there: it starts when ",
            ),
        ] {
            let world = world(&[policy("p", json!({ "limits": { "previews": most } }))], &all);
            let view = View::new(&world);
            let exceeded =
                held(&PreviewClaim::of(&all[2]), &Rules::of("shop", &view), &view).unwrap();
            assert!(exceeded.message.starts_with(told), "{}", exceeded.message);
        }
    }

    #[test]
    fn an_image_that_is_not_allowed_does_not_run() {
        let only = |prefix: &str| world(&[policy("p", json!({ "imagePrefixes": [prefix] }))], &[]);
        let (names, ready, said) = outcome(&preview("a", 1), &only("registry.example.com/"));
        assert_eq!((names.len(), ready.as_str(), said), (2, "0/0", vec!["ImageNotAllowed"; 3]));
        let (operator, world) = (PreviewOperator::default(), only("registry.example.com/"));
        let warned = testing::observed_in(&operator, &preview("a", 1), &world, &[], |observed| {
            let conditions = operator.conditions(&preview("a", 1), observed);
            assert!(
                !conditions[0].message.contains("reached inside"),
                "{}: nothing runs",
                conditions[0].message
            );
            conditions.iter().any(|condition| condition.warns)
        });
        assert!(!warned, "the verdict warns of it, and once is enough");
        assert_eq!(outcome(&preview("a", 1), &only("example.com/")).1, "0/1");
    }

    #[test]
    fn more_pods_than_are_allowed_do_not_run_and_the_preview_works_nevertheless() {
        let world = world(&[policy("p", json!({ "limits": { "replicas": 2 } }))], &[]);
        let mut preview = preview("a", 1);
        preview.spec.replicas = Some(5);
        let (names, ready, said) = outcome(&preview, &world);
        assert_eq!((names.len(), ready.as_str()), (3, "0/2"));
        assert_eq!(said, ["RouteNotInPlace", "TooManyReplicas", "Ready"]);
        preview.spec.replicas = Some(2);
        assert_eq!(outcome(&preview, &world).2, ["RouteNotInPlace", "Ready"]);
    }
}
