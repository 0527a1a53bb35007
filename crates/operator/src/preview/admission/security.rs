//! The user of a preview's program: from the spec, within what the namespace allows.

use kubewright::{ConditionType, Invalid};

use super::candidate::Candidate;
use super::decision::RootCause;
use crate::security::User;

/// Reasons of `Ready` for a pod security that the namespace does not allow.
pub(crate) const POD_SECURITY_REASONS: ConditionType = ConditionType::ready(&[(
    "PodSecurityNotAllowed",
    "the namespace enforces `restricted`, and `spec.podSecurity` asks for root",
)]);

/// The label with the Pod Security Standard that a namespace enforces.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
/// The label with the Pod Security Standard that a namespace warns about.
pub(crate) const WARN: &str = "pod-security.kubernetes.io/warn";
/// The strictest standard. It forbids root.
pub(crate) const RESTRICTED: &str = "restricted";

/// Whether the label of the namespace has the value `restricted`. An unknown namespace has no
/// labels.
fn is_restricted(label: &str, candidate: &Candidate<'_>) -> bool {
    let labels =
        candidate.namespace.as_ref().and_then(|namespace| namespace.metadata.labels.as_ref());
    labels.and_then(|labels| labels.get(label)).is_some_and(|value| value == RESTRICTED)
}

/// The user of the program, and why it may be root although the namespace warns about that.
///
/// Most images of applications run as root. So root is forbidden only where the spec says so, or
/// where the namespace would not admit the pods.
pub(super) fn user(candidate: &Candidate<'_>) -> (User, Option<RootCause>) {
    let spec = candidate.preview.spec.pod_security.as_ref();
    let (id, non_root) = spec.map_or((None, None), |spec| (spec.run_as_user, spec.run_as_non_root));
    let is_enforced = is_restricted(ENFORCE, candidate);
    let user = match id {
        Some(id) => User::Id(id),
        None if is_enforced || non_root == Some(true) => User::NonRoot,
        None => User::Image,
    };
    let cause = match user {
        User::Id(0) => Some(RootCause::Spec),
        User::Image if non_root == Some(false) => Some(RootCause::Spec),
        User::Image => Some(RootCause::Image),
        User::Id(_) | User::NonRoot => None,
    };
    let warns = !is_enforced && is_restricted(WARN, candidate);
    (user, cause.filter(|_| warns))
}

/// Checks that the namespace admits pods with the pod security of the spec.
///
/// # Errors
/// [`Invalid`] names the field and a value that works.
pub(super) fn check(candidate: &Candidate<'_>) -> Result<(), Invalid> {
    let Some(spec) = &candidate.preview.spec.pod_security else { return Ok(()) };
    let (field, remedy) = match (spec.run_as_user, spec.run_as_non_root) {
        (Some(0), _) => {
            ("runAsUser is 0", "write another user id such as 1000, or leave runAsUser out")
        }
        (_, Some(false)) => ("runAsNonRoot is false", "write true, or leave runAsNonRoot out"),
        _ => return Ok(()),
    };
    if !is_restricted(ENFORCE, candidate) {
        return Ok(());
    }
    Err(Invalid::new(
        "PodSecurityNotAllowed",
        format!(
            "spec.podSecurity.{field}, but namespace {} enforces the Pod Security Standard \
             restricted, which forbids root: {remedy}",
            candidate.namespace_name()
        ),
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use operator_api::preview::{PodSecurity, PreviewEnvironment};

    use super::*;
    use crate::preview::settings::PreviewOperator;
    use crate::testing::{FakeCluster, namespace, preview, view_of};

    fn with(pod_security: PodSecurity) -> PreviewEnvironment {
        let mut preview = preview("web");
        preview.spec.pod_security = Some(pod_security);
        preview
    }

    fn user_in(
        labels: &[(&str, &str)],
        preview: &PreviewEnvironment,
    ) -> Result<(User, Option<RootCause>), Invalid> {
        let cluster = FakeCluster::empty()
            .with(namespace("shop", labels))
            .with(namespace("other", &[(ENFORCE, RESTRICTED), (WARN, RESTRICTED)]));
        user_of(preview, &cluster)
    }

    fn user_of(
        preview: &PreviewEnvironment,
        cluster: &FakeCluster,
    ) -> Result<(User, Option<RootCause>), Invalid> {
        let settings = PreviewOperator::default();
        let view = view_of(cluster);
        let candidate = Candidate::new(preview, &settings, &view);
        check(&candidate).map(|()| user(&candidate))
    }

    #[test]
    fn root_is_forbidden_exactly_where_the_namespace_forbids_it() {
        let user = |labels| user_in(labels, &preview("web")).unwrap().0;
        assert_eq!(user(&[(ENFORCE, RESTRICTED)]), User::NonRoot);
        assert_eq!(user(&[(ENFORCE, "baseline")]), User::Image);
        assert_eq!(user(&[(WARN, RESTRICTED)]), User::Image);
        assert_eq!(user(&[]), User::Image);
    }

    #[test]
    fn an_unknown_namespace_forbids_nothing_and_warns_about_nothing() {
        let found = user_of(&preview("web"), &FakeCluster::empty());
        assert_eq!(found, Ok((User::Image, None)));
    }

    #[test]
    fn a_user_of_the_spec_is_the_user_of_the_pods() {
        let spec = PodSecurity { run_as_user: Some(1000), ..PodSecurity::default() };
        for labels in [&[][..], &[(ENFORCE, RESTRICTED)]] {
            assert_eq!(user_in(labels, &with(spec.clone())), Ok((User::Id(1000), None)));
        }
    }

    #[test]
    fn root_runs_only_if_the_spec_asks_for_it_and_is_rejected_where_the_namespace_forbids_it() {
        let root = PodSecurity { run_as_user: Some(0), ..PodSecurity::default() };
        assert_eq!(user_in(&[], &with(root.clone())).unwrap().0, User::Id(0));
        let perhaps = PodSecurity { run_as_non_root: Some(false), ..PodSecurity::default() };
        assert_eq!(user_in(&[], &with(perhaps.clone())).unwrap().0, User::Image);
        for (spec, field) in [(root, "runAsUser is 0"), (perhaps, "runAsNonRoot is false")] {
            let rejected = user_in(&[(ENFORCE, RESTRICTED)], &with(spec)).unwrap_err();
            assert_eq!(rejected.reason(), "PodSecurityNotAllowed");
            assert!(
                rejected.message().contains("namespace shop enforces")
                    && rejected.message().contains(field),
                "{rejected}"
            );
        }
    }

    #[test]
    fn the_spec_may_forbid_root_where_the_namespace_does_not() {
        let strict = PodSecurity { run_as_non_root: Some(true), ..PodSecurity::default() };
        assert_eq!(user_in(&[], &with(strict)), Ok((User::NonRoot, None)));
    }

    #[test]
    fn a_program_that_may_be_root_is_reported_only_where_the_namespace_warns_about_it() {
        let warns = [(WARN, RESTRICTED)];
        let cause = |labels: &[(&str, &str)], preview: &PreviewEnvironment| {
            user_in(labels, preview).unwrap().1
        };
        let web = preview("web");
        assert_eq!(cause(&warns, &web), Some(RootCause::Image));
        for labels in [
            &[][..],
            &[(ENFORCE, "baseline")],
            &[(WARN, "baseline")],
            &[(ENFORCE, RESTRICTED), (WARN, RESTRICTED)],
        ] {
            assert_eq!(cause(labels, &web), None, "{labels:?}");
        }
        let user = |id| with(PodSecurity { run_as_user: Some(id), ..PodSecurity::default() });
        assert_eq!(cause(&warns, &user(0)), Some(RootCause::Spec));
        assert_eq!(cause(&warns, &user(1000)), None);
        let non_root =
            |value| with(PodSecurity { run_as_non_root: Some(value), ..PodSecurity::default() });
        assert_eq!(cause(&warns, &non_root(false)), Some(RootCause::Spec));
        assert_eq!(cause(&warns, &non_root(true)), None);
    }
}
