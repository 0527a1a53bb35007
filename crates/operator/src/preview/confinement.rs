//! Who the pods of a preview run as: what the spec says, within what the namespace enforces; and
//! the condition MayRunAsRoot where that is less than the Pod Security Standard *restricted* asks
//! for.

use k8s_openapi::api::core::v1::{Namespace, PodSecurityContext, Sysctl};
use kubewright::{Condition, Invalid, Metadata, ObjectKey, View};
use operator_api::preview::{MAY_RUN_AS_ROOT, PodSecurity, PreviewClaim, PreviewEnvironment};

use super::blueprint::Blueprint;
use super::findings::Root;
use super::kinds::Reads;
use crate::security::{self, ImageFiles, User};

/// The label by which Pod Security admission knows what to enforce in a namespace.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
/// Its strictest value.
const RESTRICTED: &str = "restricted";
/// The first port that a program without privileges may listen at.
const FIRST_UNPRIVILEGED_PORT: i32 = 1024;
/// Moves that border for the pod alone: one of the settings that every Pod Security Standard
/// allows.
const PORT_BORDER: &str = "net.ipv4.ip_unprivileged_port_start";

/// The security context of the pods.
pub(super) fn of_pods(of: &Blueprint<'_>, view: &View<'_, Reads>) -> PodSecurityContext {
    let asked = of.spec.pod_security.clone().unwrap_or_default();
    let restricted = enforced(of.namespace, view) == Some(true);
    // No container here has a capability, not even root: without this, nobody could listen at such
    // a port.
    let border = || vec![Sysctl { name: PORT_BORDER.into(), value: of.spec.port().to_string() }];
    PodSecurityContext {
        run_as_group: asked.run_as_group,
        fs_group: asked.fs_group,
        sysctls: (of.spec.port() < FIRST_UNPRIVILEGED_PORT).then(border),
        ..security::of_pod(user(&asked, restricted))
    }
}

/// What the program may do to the files of its image.
pub(super) fn files(of: &Blueprint<'_>) -> ImageFiles {
    match &of.spec.pod_security {
        Some(PodSecurity { read_only_root_filesystem: Some(true), .. }) => ImageFiles::ReadOnly,
        _ => ImageFiles::Writable,
    }
}

/// Most images of applications have root as their user, so that is forbidden only where the spec
/// says so, or where the namespace would not let the pods in otherwise.
fn user(asked: &PodSecurity, restricted: bool) -> User {
    match asked.run_as_user {
        Some(id) => User::Id(id),
        None if restricted || asked.run_as_non_root == Some(true) => User::NotRoot,
        None => User::OfImage,
    }
}

/// Whether a namespace enforces *restricted*; `None` where nothing is known of it.
fn enforced(namespace: &str, view: &View<'_, Reads>) -> Option<bool> {
    let namespace = view.get::<Metadata<Namespace>, _>(&ObjectKey::cluster(namespace))?;
    let label = namespace.metadata.labels.as_ref().and_then(|labels| labels.get(ENFORCE));
    Some(label.is_some_and(|enforced| enforced == RESTRICTED))
}

/// Whether and why that is so for the pods that [`of_pods`] is for. Of a namespace that is not
/// known nothing is said.
pub(super) fn root(preview: &PreviewEnvironment, view: &View<'_, Reads>) -> Option<Root> {
    let namespace = preview.metadata.namespace.as_deref().unwrap_or_default();
    if enforced(namespace, view)? {
        return None;
    }
    let asked = preview.spec.pod_security.clone().unwrap_or_default();
    match user(&asked, false) {
        User::Id(0) => Some(Root::Asked),
        User::OfImage if asked.run_as_non_root == Some(false) => Some(Root::Asked),
        User::OfImage => Some(Root::OfImage),
        User::Id(_) | User::NotRoot => None,
    }
}

/// The condition [`MAY_RUN_AS_ROOT`], which warns.
pub(super) fn condition(root: Root, namespace: &str) -> Condition {
    let (reason, because) = match root {
        Root::Asked => (
            "AskedFor",
            "spec.podSecurity allows it; leave that out where the image does not need it"
                .to_owned(),
        ),
        Root::OfImage => (
            "ImageDecides",
            format!(
                "the image decides who it runs as; write true to spec.podSecurity.runAsNonRoot, or label namespace {namespace} \
                 {ENFORCE}={RESTRICTED}"
            ),
        ),
    };
    let message = format!(
        "the pods are less confined than the Pod Security Standard restricted asks for: their program may be root, because {because}"
    );
    Condition::new(MAY_RUN_AS_ROOT, Some(true), reason, message).warned()
}

/// Whether the namespace lets in what the spec asks for.
///
/// # Errors
/// [`Invalid`] where it would not: it says so here rather than in pods that never come up.
pub(super) fn check(claim: &PreviewClaim, view: &View<'_, Reads>) -> Result<(), Invalid> {
    let namespace = claim.metadata.namespace.as_deref().unwrap_or_default();
    let Some(asked) = &claim.spec.pod_security else { return Ok(()) };
    if enforced(namespace, view) != Some(true) {
        return Ok(());
    }
    let refuse = |what: &str, instead: &str| {
        Err(Invalid::new(
            "PodSecurityNotAllowed",
            format!(
                "the namespace {namespace} enforces the Pod Security Standard restricted, which forbids root, and \
                 spec.podSecurity.{what}: {instead}"
            ),
        ))
    };
    if asked.run_as_user == Some(0) {
        return refuse(
            "runAsUser is 0",
            "write another user id such as 1000, or leave runAsUser out",
        );
    }
    if asked.run_as_non_root == Some(false) {
        return refuse("runAsNonRoot is false", "write true, or leave runAsNonRoot out");
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kubewright::core::view::Fixed;
    use operator_api::preview::PreviewEnvironment;

    use super::*;
    use crate::testing::{blueprint_of, namespace, preview};

    fn with(pod_security: PodSecurity) -> PreviewEnvironment {
        let mut preview = preview("web");
        preview.spec.pod_security = Some(pod_security);
        preview
    }

    fn pods_in(
        labels: &[(&str, &str)],
        preview: &PreviewEnvironment,
    ) -> Result<PodSecurityContext, Invalid> {
        let source = Fixed::empty()
            .with(namespace("shop", labels))
            .with(namespace("other", &[(ENFORCE, RESTRICTED)]));
        let view = View::new(&source);
        check(&PreviewClaim::of(preview), &view)?;
        Ok(of_pods(&blueprint_of(preview), &view))
    }

    fn user_in(labels: &[(&str, &str)]) -> (Option<bool>, Option<i64>) {
        let context = pods_in(labels, &preview("web")).unwrap();
        (context.run_as_non_root, context.run_as_user)
    }

    #[test]
    fn root_is_forbidden_exactly_where_the_namespace_forbids_it() {
        assert_eq!(user_in(&[(ENFORCE, RESTRICTED)]), (Some(true), None));
        assert_eq!(user_in(&[(ENFORCE, "baseline")]), (None, None));
        assert_eq!(user_in(&[("pod-security.kubernetes.io/warn", RESTRICTED)]), (None, None));
        assert_eq!(user_in(&[]), (None, None));
    }

    #[test]
    fn a_namespace_that_nobody_knows_is_taken_for_an_unrestricted_one() {
        let context = of_pods(&blueprint_of(&preview("web")), &View::new(&Fixed::empty()));
        assert_eq!((context.run_as_non_root, context.run_as_user), (None, None));
    }

    #[test]
    fn the_ids_of_the_spec_are_the_ids_of_the_pods() {
        let ids = PodSecurity {
            run_as_user: Some(1000),
            run_as_group: Some(1001),
            fs_group: Some(1002),
            ..PodSecurity::default()
        };
        for labels in [&[][..], &[(ENFORCE, RESTRICTED)]] {
            let context = pods_in(labels, &with(ids.clone())).unwrap();
            assert_eq!(
                (context.run_as_user, context.run_as_group, context.fs_group),
                (Some(1000), Some(1001), Some(1002))
            );
            assert_eq!(context.run_as_non_root, Some(true));
        }
    }

    #[test]
    fn root_has_to_be_asked_for_and_is_refused_where_the_namespace_would_not_let_it_in() {
        let root = PodSecurity { run_as_user: Some(0), ..PodSecurity::default() };
        let context = pods_in(&[], &with(root.clone())).unwrap();
        assert_eq!((context.run_as_user, context.run_as_non_root), (Some(0), None));
        let perhaps = PodSecurity { run_as_non_root: Some(false), ..PodSecurity::default() };
        assert_eq!(pods_in(&[], &with(perhaps.clone())).unwrap().run_as_non_root, None);
        for (asked, field) in [(root, "runAsUser is 0"), (perhaps, "runAsNonRoot is false")] {
            let refused = pods_in(&[(ENFORCE, RESTRICTED)], &with(asked)).unwrap_err();
            assert_eq!(refused.reason, "PodSecurityNotAllowed");
            assert!(
                refused.message.contains("the namespace shop enforces")
                    && refused.message.contains(field),
                "{refused}"
            );
        }
    }

    #[test]
    fn the_spec_may_forbid_root_and_writing_where_the_namespace_does_not() {
        let strict = PodSecurity {
            run_as_non_root: Some(true),
            read_only_root_filesystem: Some(true),
            ..PodSecurity::default()
        };
        let strict = with(strict);
        assert_eq!(pods_in(&[], &strict).unwrap().run_as_non_root, Some(true));
        assert_eq!(files(&blueprint_of(&strict)), ImageFiles::ReadOnly);
        assert_eq!(files(&blueprint_of(&preview("web"))), ImageFiles::Writable);
        let writable =
            with(PodSecurity { read_only_root_filesystem: Some(false), ..PodSecurity::default() });
        assert_eq!(files(&blueprint_of(&writable)), ImageFiles::Writable);
    }

    #[test]
    fn who_may_be_root_is_told_so_and_what_to_do_and_nobody_else_is() {
        let said = |labels: &[(&str, &str)], preview: &PreviewEnvironment| {
            let world = Fixed::empty().with(namespace("shop", labels));
            root(preview, &View::new(&world)).map(|root| condition(root, "shop"))
        };
        let of_image = said(&[], &preview("web")).unwrap();
        assert_eq!(
            (of_image.type_, of_image.status, of_image.reason),
            ("MayRunAsRoot", Some(true), "ImageDecides")
        );
        for part in [
            "spec.podSecurity.runAsNonRoot",
            "label namespace shop pod-security.kubernetes.io/enforce=restricted",
        ] {
            assert!(of_image.message.contains(part), "{}", of_image.message);
        }
        assert_eq!(said(&[(ENFORCE, "baseline")], &preview("web")).unwrap().reason, "ImageDecides");
        assert_eq!(said(&[(ENFORCE, RESTRICTED)], &preview("web")), None);
        let user = |id| with(PodSecurity { run_as_user: Some(id), ..PodSecurity::default() });
        let asked = said(&[], &user(0)).unwrap();
        assert_eq!((asked.reason, said(&[], &user(1000))), ("AskedFor", None));
        assert!(
            asked.message.contains("leave that out") && !asked.message.contains("label namespace"),
            "{}",
            asked.message
        );
        let non_root =
            |value| with(PodSecurity { run_as_non_root: Some(value), ..PodSecurity::default() });
        assert_eq!(
            (said(&[], &non_root(false)).unwrap().reason, said(&[], &non_root(true))),
            ("AskedFor", None)
        );
        assert_eq!(
            root(&preview("web"), &View::new(&Fixed::empty())),
            None,
            "nothing is known of the namespace"
        );
    }

    #[test]
    fn a_low_port_can_be_listened_at_without_a_privilege() {
        let sysctls = |port| {
            let mut preview = preview("web");
            preview.spec.port = port;
            pods_in(&[], &preview).unwrap().sysctls
        };
        let border =
            Sysctl { name: "net.ipv4.ip_unprivileged_port_start".into(), value: "80".into() };
        assert_eq!(sysctls(Some(80)), Some(vec![border]));
        assert_eq!((sysctls(Some(1024)), sysctls(None)), (None, None));
    }
}
