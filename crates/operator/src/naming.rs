//! Names and selectors of the objects that are made for a resource.

use kubewright::labels::{self, Labels};
use kubewright::{Invalid, names};

/// The name that all objects of one resource share, from the resource's name and what sets it
/// apart.
pub(crate) fn shared_name(parts: &[&str]) -> String {
    names::child_name(parts)
}

/// The labels by which a Deployment and a Service find the pods of one resource: those that
/// everything else that is made for it carries too.
pub(crate) fn selector(operator: &str, resource: &str) -> Labels {
    labels::selector(operator, resource)
}

/// Whether a Service can have this name on every Kubernetes that is supported: before 1.36 it has
/// to be a label of DNS as RFC 1035 has it, which begins with a letter. A resource that works here
/// should work everywhere.
///
/// # Errors
/// [`Invalid`] says to rename the resource.
pub(crate) fn check_service_name(resource: &str, name: &str) -> Result<(), Invalid> {
    if name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Ok(());
    }
    Err(Invalid::new(
        "NameNotUsable",
        format!(
            "the Service would be named {name:?}, and Kubernetes before 1.36 takes only names of Services that begin with a \
             letter: make the resource again under another name, for example web-{resource} instead of {resource}"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_begins_with_a_digit_is_answered_with_one_that_works() {
        let refused = check_service_name("1-web", &shared_name(&["1-web"]))
            .map_err(|invalid| invalid.message);
        assert!(refused.is_err_and(|message| message.contains("web-1-web instead of 1-web")));
    }

    #[test]
    fn long_and_dotted_names_are_made_to_fit() {
        for resource in
            ["web", "a.b.c", &"x".repeat(63), &"x".repeat(253), &format!("x{}", ".y".repeat(126))]
        {
            assert_eq!(check_service_name(resource, &shared_name(&[resource])), Ok(()));
        }
    }

    #[test]
    fn resources_of_different_operators_never_select_the_same_pods() {
        assert_ne!(selector("echo", "web"), selector("echo-test", "web"));
        assert_ne!(selector("echo", &"x".repeat(64)), selector("echo", &"x".repeat(65)));
    }
}
