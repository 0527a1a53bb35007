//! Who holds a host that several previews claim: of those that may have it, the oldest one; of two of the same second the one
//! with the lower UID. The others wait, and each looks only at those that claim the same host.
//!
//! A claim is a host's name. A wildcard is none: a preview has one host, and a route of somebody else for `*.example.com` is
//! less specific than it, whoever serves both.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kubewright::{Index, Metadata, ObjectKey, View};
use operator_api::preview::{HOST_CONFLICT, PreviewClaim, PreviewEnvironment};

use super::findings::NoRoute;
use super::kinds::Reads;
use super::policy::Rules;
use super::{PreviewOperator, domains};

/// Previews by the host that they claim.
struct ByHost;

impl Index for ByHost {
    type Of = PreviewClaim;

    fn keys(claim: &PreviewClaim) -> Vec<String> {
        claim.host().map(str::to_owned).into_iter().collect()
    }
}

/// Why `preview` cannot have the host that it claims; `None` where it holds it, or claims none.
pub(super) fn lost(preview: &PreviewEnvironment, settings: &PreviewOperator, view: &View<'_, Reads>) -> Option<NoRoute> {
    let own = PreviewClaim::of(preview);
    let host = own.host()?;
    if let Some(who) = refused(&own, host, settings, view) {
        let message = format!("spec.fqdn is {host}, which previews of this namespace may not have: {who}");
        return Some(NoRoute { reason: "HostNotAllowed", message, stalls: true });
    }
    let older = view.by::<ByHost, _>(host).into_iter().filter(|claim| rank(claim) < rank(&own));
    // One that may not have the host holds nothing, or a namespace could take the hosts of others.
    let holder = older.filter(|claim| refused(claim, host, settings, view).is_none()).min_by(|a, b| rank(a).cmp(&rank(b)))?;
    let holder = ObjectKey::of(&holder.metadata);
    let message = format!(
        "the host {host} is held by PreviewEnvironment {holder}, which is older: this one takes over when that goes or changes its \
         host; or write another spec.fqdn"
    );
    Some(NoRoute { reason: HOST_CONFLICT, message, stalls: true })
}

/// Who is first. A UID is never given twice, so this is an order.
pub(super) fn rank(claim: &PreviewClaim) -> (Option<Timestamp>, Option<&str>) {
    let made = claim.metadata.creation_timestamp.as_ref().map(|time| time.0);
    (made, claim.metadata.uid.as_deref())
}

fn refused(claim: &PreviewClaim, host: &str, settings: &PreviewOperator, view: &View<'_, Reads>) -> Option<String> {
    let name = claim.metadata.namespace.as_deref().unwrap_or_default();
    let namespace = view.get::<Metadata<Namespace>, _>(&ObjectKey::cluster(name));
    domains::refused_by(host, namespace.as_deref(), &settings.allowed_domains, &Rules::of(name, view))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use kubewright::core::view::Fixed;
    use operator_api::preview::{Route, RouteType, WhenSuspended};

    use super::*;
    use crate::testing;

    /// A preview `shop/NAME` of `web.example.com` that was made in this second.
    fn preview(name: &str, second: i64) -> PreviewEnvironment {
        let mut preview = testing::preview(name);
        preview.spec.fqdn = "web.example.com".into();
        preview.metadata.uid = Some(format!("uid-{name}"));
        preview.metadata.creation_timestamp = Some(Time(Timestamp::from_second(second).unwrap()));
        preview
    }

    /// Why each, in the presence of all, does not have its host.
    fn lost_by(previews: &[PreviewEnvironment]) -> Vec<Option<&'static str>> {
        let world = previews.iter().fold(Fixed::empty(), |world, preview| world.with(PreviewClaim::of(preview)));
        let reason = |preview| lost(preview, &PreviewOperator::default(), &View::new(&world)).map(|no_route| no_route.reason);
        previews.iter().map(reason).collect()
    }

    #[test]
    fn the_oldest_holds_a_host_and_of_two_of_one_second_the_one_with_the_lower_uid() {
        let conflict = Some("HostConflict");
        assert_eq!(lost_by(&[preview("a", 2), preview("b", 1), preview("c", 3)]), [conflict, None, conflict]);
        assert_eq!(lost_by(&[preview("b", 1), preview("a", 1)]), [conflict, None]);
        assert_eq!(lost_by(&[preview("a", 1)]), [None]);
    }

    #[test]
    fn the_other_is_told_who_holds_it_and_what_to_do() {
        let mut other = preview("a", 1);
        other.metadata.namespace = Some("team-b".into());
        let world =
            Fixed::empty().with(PreviewClaim::of(&other)).with(PreviewClaim::of(&preview("z", 0)).namespaced("else", "y.com"));
        let no_route = lost(&preview("b", 2), &PreviewOperator::default(), &View::new(&world)).unwrap();
        assert!(no_route.stalls);
        assert!(no_route.message.contains("held by PreviewEnvironment team-b/a,"), "{}", no_route.message);
    }

    trait Elsewhere {
        fn namespaced(self, namespace: &str, host: &str) -> Self;
    }

    impl Elsewhere for PreviewClaim {
        fn namespaced(mut self, namespace: &str, host: &str) -> Self {
            self.metadata.namespace = Some(namespace.into());
            self.spec.fqdn = host.into();
            self
        }
    }

    #[test]
    fn who_wants_no_route_now_claims_nothing() {
        let mut without = preview("a", 1);
        without.spec.route = Some(Route { type_: Some(RouteType::None), ..Route::default() });
        let mut asleep = preview("b", 2);
        asleep.spec.suspend = Some(true);
        asleep.spec.route = Some(Route { when_suspended: Some(WhenSuspended::Remove), ..Route::default() });
        assert_eq!(lost_by(&[without, asleep.clone(), preview("c", 3)]), [None; 3]);
        asleep.spec.route = None;
        assert_eq!(lost_by(&[asleep, preview("c", 3)]), [None, Some("HostConflict")], "its route is kept");
    }

    #[test]
    fn who_may_not_have_a_host_is_told_so_and_holds_nothing() {
        let mut thief = preview("a", 1);
        thief.metadata.namespace = Some("closed".into());
        let mut closed = testing::namespace("closed", &[]);
        closed.metadata.annotations = Some([(domains::ALLOWED_DOMAINS.to_owned(), "*.dev.example.com".to_owned())].into());
        let world = Fixed::empty().with(PreviewClaim::of(&thief)).with(PreviewClaim::of(&preview("b", 2))).with(closed);
        let lost = |preview| lost(preview, &PreviewOperator::default(), &View::new(&world));
        let refused = lost(&thief).unwrap();
        assert_eq!(refused.reason, "HostNotAllowed");
        assert!(
            refused.message.contains("web.example.com") && refused.message.contains("*.dev.example.com"),
            "{}",
            refused.message
        );
        assert_eq!(lost(&preview("b", 2)), None);
    }

    #[test]
    fn only_claims_of_the_same_host_are_looked_at() {
        let world = Fixed::empty();
        let view = View::new(&world);
        assert_eq!(lost(&preview("a", 1), &PreviewOperator::default(), &view), None);
        let asked = view.into_lookups();
        let wakes = |claim: PreviewClaim| {
            asked.iter().any(|lookup| lookup.kind.kind == "PreviewEnvironment" && lookup.query.matches(&claim))
        };
        assert!(wakes(PreviewClaim::of(&preview("b", 2))));
        assert!(!wakes(PreviewClaim::of(&preview("b", 2)).namespaced("shop", "other.example.com")));
    }
}
