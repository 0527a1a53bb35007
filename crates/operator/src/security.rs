//! Security contexts of all pods that the operators here create.
//!
//! They follow the Pod Security Standard *restricted*. [`User::Image`] leaves out the one rule
//! that forbids root, for images that need root; all other rules apply.

use k8s_openapi::api::core::v1::{
    Capabilities, PodSecurityContext, SeccompProfile, SecurityContext,
};

/// The user that a program runs as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum User {
    /// The user of the image, even root.
    #[default]
    Image,
    /// The user of the image. The kubelet does not start the container if that user is root.
    NonRoot,
    /// This user id, whatever the image says.
    Id(i64),
}

/// The user id of the `nonroot` user in common base images without a shell; owns nothing on a node.
pub(crate) const NONROOT: User = User::Id(65_532);

pub(crate) fn pod(user: User) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: (!matches!(user, User::Image | User::Id(0))).then_some(true),
        run_as_user: match user {
            User::Id(id) => Some(id),
            User::NonRoot | User::Image => None,
        },
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".into(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

/// The security context of a container. With `read_only`, the program cannot write to the files of
/// its image.
pub(crate) fn container(read_only: bool) -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
        read_only_root_filesystem: read_only.then_some(true),
        ..SecurityContext::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_user_is_root_only_if_its_id_is_0() {
        let (nonroot, root) = (pod(NONROOT), pod(User::Id(0)));
        assert_eq!((nonroot.run_as_non_root, nonroot.run_as_user), (Some(true), Some(65_532)));
        assert_eq!((root.run_as_non_root, root.run_as_user), (None, Some(0)));
    }

    #[test]
    fn an_image_keeps_its_user_unless_root_is_forbidden() {
        let (kept, forbidden) = (pod(User::Image), pod(User::NonRoot));
        assert_eq!((kept.run_as_non_root, kept.run_as_user), (None, None));
        assert_eq!((forbidden.run_as_non_root, forbidden.run_as_user), (Some(true), None));
    }

    #[test]
    fn no_container_gains_privileges() {
        for read_only in [true, false] {
            let container = container(read_only);
            assert_eq!(container.allow_privilege_escalation, Some(false));
            assert_eq!(container.capabilities.and_then(|c| c.drop), Some(vec!["ALL".to_owned()]));
        }
    }
}
