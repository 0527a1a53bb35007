//! The code that a preview shows, for people. The operator does not use it.

use kube::KubeSchema;
use kube::core::Rule;
use serde::{Deserialize, Serialize};

use crate::schema::{self, CONTROL, cel_string};

/// Rejects texts that are not an address of HTTP or HTTPS.
fn address_rule() -> Rule {
    let address = format!(r"^https?://[^\s{CONTROL}]+$");
    Rule::new(format!("self.matches({})", cel_string(&address))).message(
        "write a whole address, like https://github.com/team/app/pull/17: http or https, no spaces",
    )
}

/// The origin of a preview. A user who may write the resource can write any text, so it is only
/// shown.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct Source {
    /// The host of the code, up to 63 characters. Example: github
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = schema::no_control())]
    pub provider: Option<String>,

    /// The repository, up to 255 characters. Example: team/app
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = schema::no_control())]
    pub repository: Option<String>,

    /// The number of the pull request or merge request, from 1; a column of `kubectl get`. Example:
    /// 17
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub pull_request: Option<i64>,

    /// The branch, up to 255 characters. Example: feature/login
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = schema::no_control())]
    pub branch: Option<String>,

    /// The commit, up to 64 characters. It is only shown; a change of revision replaces the pods.
    /// Example: 3f2a9c1
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = schema::no_control())]
    pub commit: Option<String>,

    /// The address of the change, up to 2048 characters. Example:
    /// `https://github.com/team/app/pull/17`
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = address_rule())]
    pub url: Option<String>,

    /// The author of the change, up to 255 characters. Example: octocat
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = schema::no_control())]
    pub author: Option<String>,
}
