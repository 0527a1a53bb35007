//! How pods are confined. Every pod that an operator here makes gets its security contexts from
//! this file; what runs in the pods is not known here.
//!
//! The measure is the Pod Security Standard *restricted*. Where an image may need root,
//! [`User::OfImage`] leaves out the one rule that forbids it; all others hold nevertheless.

use k8s_openapi::api::core::v1::{
    Capabilities, PodSecurityContext, SeccompProfile, SecurityContext,
};

/// Who a program runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// This user, whatever the image says. The kubelet refuses to start it as root, unless this is
    /// root.
    Id(i64),
    /// The image's own. The kubelet refuses to start it as root.
    NotRoot,
    /// The image's own, even root.
    OfImage,
}

/// The user id of the `nonroot` user in common base images without a shell; owns nothing on a node.
pub(crate) const NONROOT: User = User::Id(65_532);

/// What the program may do to the file system of its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageFiles {
    /// Only read it.
    ReadOnly,
    /// Write to it, too: what it writes is lost with the container.
    Writable,
}

/// The security context of a pod.
pub(crate) fn of_pod(user: User) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: (!matches!(user, User::OfImage | User::Id(0))).then_some(true),
        run_as_user: match user {
            User::Id(id) => Some(id),
            User::NotRoot | User::OfImage => None,
        },
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".into(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

/// The security context of a container.
pub(crate) fn of_container(files: ImageFiles) -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
        read_only_root_filesystem: (files == ImageFiles::ReadOnly).then_some(true),
        ..SecurityContext::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_user_is_root_only_by_name() {
        let (pod, root) = (of_pod(NONROOT), of_pod(User::Id(0)));
        assert_eq!((pod.run_as_non_root, pod.run_as_user), (Some(true), Some(65_532)));
        assert_eq!((root.run_as_non_root, root.run_as_user), (None, Some(0)));
    }

    #[test]
    fn an_image_keeps_its_user_unless_that_is_forbidden() {
        let (kept, forbidden) = (of_pod(User::OfImage), of_pod(User::NotRoot));
        assert_eq!((kept.run_as_non_root, kept.run_as_user), (None, None));
        assert_eq!((forbidden.run_as_non_root, forbidden.run_as_user), (Some(true), None));
    }

    #[test]
    fn nobody_gains_privileges() {
        for files in [ImageFiles::ReadOnly, ImageFiles::Writable] {
            let container = of_container(files);
            assert_eq!(container.allow_privilege_escalation, Some(false));
            assert_eq!(container.capabilities.and_then(|c| c.drop), Some(vec!["ALL".to_owned()]));
        }
    }
}
