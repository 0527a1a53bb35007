//! The fields that every status has.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A status with `observedGeneration` and `conditions`. The engine writes both.
///
/// Implement it with [`status_fields!`](crate::status_fields).
#[diagnostic::on_unimplemented(
    message = "the status `{Self}` has no `observedGeneration` and `conditions`",
    label = "not known to have the fields that the engine writes",
    note = "use `kubewright::Status` as the status, or add to `{Self}` the fields \
            `pub observed_generation: Option<i64>` and `pub conditions: Vec<Condition>`",
    note = "then write `kubewright::status_fields!({Self});` beside it"
)]
pub trait StatusFields {
    /// The generation of the spec that the status describes.
    fn observed_generation(&self) -> Option<i64>;
    /// The conditions.
    fn conditions(&self) -> &[Condition];
}

/// Declares that a status struct has the fields `observed_generation` and `conditions`.
///
/// ```
/// use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
/// #[derive(Default)]
/// struct WebsiteStatus {
///     observed_generation: Option<i64>,
///     conditions: Vec<Condition>,
///     visitors: i32,
/// }
/// kubewright_core::status_fields!(WebsiteStatus);
/// ```
#[macro_export]
macro_rules! status_fields {
    ($status:ty) => {
        impl $crate::StatusFields for $status {
            fn observed_generation(&self) -> Option<i64> {
                self.observed_generation
            }
            fn conditions(&self) -> &[$crate::MetaCondition] {
                &self.conditions
            }
        }
    };
}

/// The status of a resource without status fields of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The generation of the spec that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

impl StatusFields for Status {
    fn observed_generation(&self) -> Option<i64> {
        self.observed_generation
    }

    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}
