//! [`Readiness`]: where the conditions `Ready`, `Reconciling` and `Stalled` come from.

use crate::condition::{Condition, READY, RECONCILING, STALLED};
use crate::reason;

/// Whether a resource or a child works, in the sense of kstatus (sigs.k8s.io/cli-utils).
///
/// A reason is in CamelCase. A message names what works, what is awaited, or what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It works: the condition `Ready` is True. The message may be empty for a child.
    Ready(String),
    /// It does not work yet, and needs no person: the condition `Reconciling` is True.
    Progressing(&'static str, String),
    /// It does not work before a person acts: the condition `Stalled` is True.
    Stalled(&'static str, String),
}

impl Readiness {
    /// `Ready`, `Reconciling` and `Stalled`.
    #[must_use]
    pub fn conditions(&self) -> [Condition; 3] {
        let (ready, reconciling, stalled, reason, message) = match self {
            Self::Ready(message) => (true, false, false, reason::READY, message),
            Self::Progressing(reason, message) => (false, true, false, *reason, message),
            Self::Stalled(reason, message) => (false, false, true, *reason, message),
        };
        // `Ready` has the message; of the other two only the one that is true repeats it.
        let message_if = |on: bool| if on { message.clone() } else { String::new() };
        [
            Condition::new(READY, Some(ready), reason, message.clone()),
            Condition::new(RECONCILING, Some(reconciling), reason, message_if(reconciling)),
            Condition::new(STALLED, Some(stalled), reason, message_if(stalled)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_of_the_three_conditions_is_true() {
        for readiness in [
            Readiness::Ready("r".into()),
            Readiness::Progressing(reason::PROGRESSING, "p".into()),
            Readiness::Stalled(reason::NOT_OWNED, "s".into()),
        ] {
            let conditions = readiness.conditions();
            assert_eq!(conditions.iter().filter(|c| c.status == Some(true)).count(), 1);
        }
    }
}
