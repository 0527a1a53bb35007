//! What a preview may have by itself, whoever else claims its host. It is decided here alone, for a
//! preview and for those that claim the host with it: one that cannot have a route, for a reason of
//! its own, holds nothing.
//!
//! Nothing here depends on who holds a host. So which of several may have it is known of each
//! before they are compared, and no circle of previews that wait for each other can come about.

use kubewright::{Invalid, View};
use operator_api::preview::PreviewClaim;

use super::findings::Findings;
use super::kinds::Reads;
use super::policy::Rules;
use super::{PreviewOperator, confinement, expiry, host, limits, route};
use crate::naming;

/// What the route of a preview is, or why it has none. `rules` are those of its namespace.
///
/// # Errors
/// [`Invalid`] where nothing of it can run.
pub(super) fn of(
    claim: &PreviewClaim,
    settings: &PreviewOperator,
    rules: &Rules,
    view: &View<'_, Reads>,
) -> Result<Findings, Invalid> {
    check(claim, view)?;
    Ok(match limits::held(claim, rules, view) {
        Some(held) => Findings::held(held),
        None => route::choose(claim, settings, rules, view),
    })
}

/// Whether a preview may have a route, which can be made in this cluster.
pub(super) fn may_have_route(
    claim: &PreviewClaim,
    settings: &PreviewOperator,
    view: &View<'_, Reads>,
) -> bool {
    let rules = Rules::of(claim.metadata.namespace.as_deref().unwrap_or_default(), view);
    let has_route = |found: &Findings| route::is_served(found.route_type, view);
    // The route alone first: to count the previews of a namespace costs most, and most of those who
    // may have none need no count.
    has_route(&route::choose(claim, settings, &rules, view))
        && of(claim, settings, &rules, view).is_ok_and(|found| has_route(&found))
}

/// What the schema lets pass, or an older one, and nobody can run.
fn check(claim: &PreviewClaim, view: &View<'_, Reads>) -> Result<(), Invalid> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    host::check(&claim.spec.fqdn)?;
    naming::check_service_name(name, &naming::shared_name(&[name]))?;
    confinement::check(claim, view)?;
    if claim.spec.pinned != Some(true) {
        expiry::ttl(claim.spec.ttl.as_deref())?;
    }
    Ok(())
}
