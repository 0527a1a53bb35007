//! The resource `PreviewEnvironment` and its spec.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{PreviewEnvironmentStatus, host};
use crate::schema;

/// What to run, and where it is reached.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform9.com",
    version = "v1",
    kind = "PreviewEnvironment",
    plural = "previewenvironments",
    singular = "previewenvironment",
    shortname = "pe",
    shortname = "previewenv",
    shortname = "preview",
    category = "all",
    namespaced,
    doc = "A preview of an application under a host name of its own, for example one for each pull request: a Deployment of its image, a Service, and a route from the host name.",
    status = "PreviewEnvironmentStatus",
    derive = "PartialEq",
    printcolumn(
        name = "Ready",
        type_ = "string",
        description = "Whether the preview can be looked at",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "URL",
        type_ = "string",
        description = "Where to look at it",
        json_path = ".status.url"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        description = "How long ago it was created",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        description = "What is missing, while it is not ready",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    validation = schema::name_rule()
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PreviewEnvironmentSpec {
    /// The image of the application, up to 512 characters; a tag or digest that is this pull request's own keeps the preview
    /// from showing something older. Example: registry.example.com/team/app:pr-17
    #[schemars(length(min = 1, max = schema::IMAGE_LENGTH))]
    #[x_kube(validation = schema::image_rule())]
    pub image: String,

    /// The host name at which the preview is reached, with its domain and in lower case: up to 253 characters, no scheme, no
    /// port, no path, no wildcard. Its DNS has to lead to the gateway of the cluster; one wildcard record does for all
    /// previews. Example: preview-1.example.com
    #[schemars(length(min = 1, max = host::HOST_LENGTH))]
    #[x_kube(
        validation = host::name_alone(),
        validation = host::no_wildcard(),
        validation = host::as_routes_write_it(),
        validation = host::labels(),
        validation = host::with_domain(),
        validation = host::no_address()
    )]
    pub fqdn: String,
}
