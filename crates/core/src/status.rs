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
    note = "give `{Self}` the attribute `#[serde(rename_all = \"camelCase\")]`, so that the schema \
            has `observedGeneration`",
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
/// The struct needs all the attributes of this example. Without `rename_all`, the schema has
/// `observed_generation` instead of `observedGeneration`, and [`Registry::check`] returns an error.
///
/// If a program depends on `kubewright` alone, the derives are in `kubewright::serde` and
/// `kubewright::schemars`. The struct then also needs `#[serde(crate = "::kubewright::serde")]` and
/// `#[schemars(crate = "::kubewright::schemars")]`.
///
/// ```
/// use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Default, Clone, Debug, Serialize, Deserialize, JsonSchema)]
/// #[serde(rename_all = "camelCase")]
/// pub struct WebsiteStatus {
///     pub observed_generation: Option<i64>,
///     #[serde(default)]
///     pub conditions: Vec<Condition>,
///     /// A field of the operator's own.
///     pub visitors: Option<i32>,
/// }
/// kubewright_core::status_fields!(WebsiteStatus);
/// ```
///
/// [`Registry::check`]: crate::Registry::check
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
