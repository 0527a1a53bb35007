//! Names of the framework's next interface, in terms of the present one.

pub(crate) use kubewright::Verdict as Readiness;
use kubewright::core::reason::Explained;

/// A condition type, and the reasons that an operator gives for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConditionType {
    name: &'static str,
    reasons: &'static [(&'static str, &'static str)],
}

impl ConditionType {
    pub(crate) const fn new(
        name: &'static str,
        reasons: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { name, reasons }
    }
}

pub(crate) fn explained(types: &[ConditionType]) -> Vec<Explained> {
    let each = |type_: &ConditionType| {
        type_.reasons.iter().map(|(reason, meaning)| Explained::new(type_.name, reason, meaning))
    };
    types.iter().flat_map(each).collect()
}

/// Status, conditions and readiness of one resource.
#[derive(Clone, Debug)]
pub(crate) struct Report<S> {
    pub(crate) status: S,
    pub(crate) conditions: Vec<kubewright::Condition>,
    pub(crate) readiness: Readiness,
}
