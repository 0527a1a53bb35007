//! Which names a Service can have on every supported version of Kubernetes.

use kubewright::{ConditionType, Invalid};

/// Reasons of `Ready` for a resource whose name cannot be used.
pub(crate) const NAME_REASONS: ConditionType =
    ConditionType::ready(&[("NameNotUsable", "no Service can be named after the resource")]);

/// Checks that a Service can have this name. Before Kubernetes 1.36, Service names are DNS labels
/// of RFC 1035, which start with a letter.
///
/// # Errors
/// [`Invalid`] names a resource name that works.
pub(crate) fn check_service_name(resource: &str, name: &str) -> Result<(), Invalid> {
    if name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Ok(());
    }
    Err(Invalid::new(
        "NameNotUsable",
        format!(
            "the Service would be named {name:?}, but before Kubernetes 1.36 the name of a Service \
             starts with a letter: create this resource under another name, for example \
             web-{resource} instead of {resource}"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use kubewright::names::child_name;

    use super::*;

    #[test]
    fn a_name_that_starts_with_a_digit_is_rejected_with_a_name_that_works() {
        let rejected = check_service_name("1-web", &child_name(&["1-web"]));
        assert!(
            rejected.is_err_and(|invalid| invalid.message().contains("web-1-web instead of 1-web"))
        );
    }

    #[test]
    fn long_names_and_names_with_dots_are_accepted() {
        for resource in
            ["web", "a.b.c", &"x".repeat(63), &"x".repeat(253), &format!("x{}", ".y".repeat(126))]
        {
            assert_eq!(check_service_name(resource, &child_name(&[resource])), Ok(()));
        }
    }
}
