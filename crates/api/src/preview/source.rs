//! What a preview shows, in the words of whoever made the resource. It is for people to read:
//! nothing here is decided from it, and nothing of it reaches the objects that are made.

use kube::KubeSchema;
use kube::core::Rule;
use serde::{Deserialize, Serialize};

use crate::schema::{self, cel_string};

/// What a terminal would take for a command rather than for text.
const CONTROL: &str = r"[\x00-\x1f\x7f]";

/// Refuses what would do more in a terminal than be shown.
fn no_control() -> Rule {
    Rule::new(format!("!self.matches({})", cel_string(CONTROL)))
        .message("write one line of text: no line breaks, tabs or other control characters")
}

/// Where a preview comes from. Whoever may write the resource can write anything here, so it is
/// shown and never trusted.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct Source {
    /// Where the code is kept, up to 63 characters. Example: github
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = no_control())]
    pub provider: Option<String>,

    /// The repository, up to 255 characters. Example: team/app
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = no_control())]
    pub repository: Option<String>,

    /// The number of the pull request (or merge request), from 1; a column of `kubectl get`.
    /// Example: 17
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub pull_request: Option<i64>,

    /// The branch, up to 255 characters. Example: feature/login
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = no_control())]
    pub branch: Option<String>,

    /// The commit, up to 64 characters. It is only shown: what replaces the pods is revision.
    /// Example: 3f2a9c1
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = no_control())]
    pub commit: Option<String>,

    /// Where to read about the change, up to 2048 characters. Example: `https://github.com/team/app/pull/17`
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new(format!("self.matches({})", cel_string(r"^https?://[^\s\x00-\x1f\x7f]+$")))
        .message("write a whole address, like https://github.com/team/app/pull/17: http or https, no spaces"))]
    pub url: Option<String>,

    /// Who made the change, up to 255 characters. Example: octocat
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = no_control())]
    pub author: Option<String>,
}
