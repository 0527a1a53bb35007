//! The list of all operators of this program.

use kubewright::Registry;

use crate::echo::{EchoOperator, TestEchoOperator};
use crate::policy::PolicyOperator;
use crate::preview::PreviewOperator;

/// The program's name: its field manager, and the label `app.kubernetes.io/managed-by` of every
/// object that it creates.
pub const NAME: &str = "kubewright-operator";

/// All operators of this program with default settings.
#[must_use]
pub fn registry() -> Registry {
    registry_with(PreviewOperator::default())
}

/// All operators of this program, with these settings for previews.
#[must_use]
pub fn registry_with(previews: PreviewOperator) -> Registry {
    Registry::new(NAME)
        .with(EchoOperator)
        .with(TestEchoOperator)
        .with(previews)
        .with(PolicyOperator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_passes_its_own_checks() {
        assert_eq!(registry().check(), Ok(()));
    }

    #[test]
    fn released_names_do_not_change() {
        let registry = registry();
        let names: Vec<&str> = registry.controllers().iter().map(|c| c.name()).collect();
        assert_eq!(
            (registry.name(), names.as_slice()),
            ("kubewright-operator", &["echo", "echo-test", "preview", "preview-policy"][..])
        );
    }
}
