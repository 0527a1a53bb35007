//! What a preview says about the route from its host name to its pods.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// How the host name leads to the pods.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct Route {
    /// What becomes of the route while the preview is suspended. Keep (the default): it stays, so that its address and
    /// certificate do, and whoever follows it is told that nothing answers. Remove: the host name is free. Example: Remove
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = WhenSuspended::default()))]
    pub when_suspended: Option<WhenSuspended>,
}

impl Route {
    /// What becomes of it while the preview is suspended; `Keep` when the spec does not say.
    pub fn when_suspended(&self) -> WhenSuspended {
        self.when_suspended.unwrap_or_default()
    }
}

/// What becomes of a route to which nothing answers for a while.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenSuspended {
    /// It stays.
    #[default]
    Keep,
    /// It goes, and comes back with the pods.
    Remove,
}
