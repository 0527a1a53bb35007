//! Gathers the [`Findings`] about a preview: asks every part that has something to say, in the
//! order in which one decides over the other.

use kubewright::{Invalid, View};
use operator_api::preview::{PreviewClaim, PreviewEnvironment};

use super::findings::Findings;
use super::kinds::Reads;
use super::policy::Rules;
use super::{PreviewOperator, claims, confinement, limits, route, standing};

/// What there is to find out about `preview`.
///
/// # Errors
/// [`Invalid`] where nothing of it can run.
pub(super) fn findings(
    preview: &PreviewEnvironment,
    settings: &PreviewOperator,
    rules: &Rules,
    view: &View<'_, Reads>,
) -> Result<Findings, Invalid> {
    let claim = PreviewClaim::of(preview);
    let mut found = standing::of(&claim, settings, rules, view)?;
    // Where its API is not served, the host is nobody's matter.
    if route::is_served(found.route_type, view)
        && let Some(lost) = claims::lost(&claim, settings, view)
    {
        found = Findings::without_route(lost);
    }
    Ok(Findings {
        most_replicas: rules.replicas().map(|limit| limit.value),
        reached_from: rules.reached_from(),
        gateways: rules.gateways().unwrap_or(&settings.default_gateways).to_vec(),
        ingress_class: route::ingress_class(preview, &found, settings, rules, view),
        exceeded: found.exceeded.take().or_else(|| limits::replicas(preview, rules)),
        root: confinement::root(preview, view),
        ..found
    })
}
