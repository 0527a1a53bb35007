//! [`custom_resource!`](crate::custom_resource): a custom resource without more dependencies.

/// Declares a custom resource: the struct is its spec, `#[kube(..)]` has its names, as for
/// [`kube::CustomResource`].
///
/// The macro adds the derives that a spec needs, with the crates that this crate re-exports. A
/// program therefore depends on `kubewright` alone. Fields are camelCase in YAML.
///
/// ```
/// use kubewright::prelude::*;
/// kubewright::custom_resource! {
///     /// A website with one page.
///     #[kube(group = "example.com", version = "v1", kind = "Website", namespaced)]
///     #[kube(status = "Status")]
///     pub struct WebsiteSpec {
///         /// The text of the page.
///         pub text: String,
///     }
/// }
/// assert_eq!(Website::new("web", WebsiteSpec { text: "hello".into() }).name_any(), "web");
/// ```
#[macro_export]
macro_rules! custom_resource {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident { $($fields:tt)* }) => {
        #[derive(
            $crate::kube::CustomResource,
            $crate::schemars::JsonSchema,
            $crate::serde::Deserialize,
            $crate::serde::Serialize,
            Clone,
            Debug,
            PartialEq,
        )]
        #[kube(
            crates(
                kube_core = "::kubewright::kube::core",
                k8s_openapi = "::kubewright::k8s_openapi",
                schemars = "::kubewright::schemars",
                serde = "::kubewright::serde",
                serde_json = "::kubewright::serde_json"
            ),
            derive = "PartialEq"
        )]
        #[schemars(crate = "::kubewright::schemars")]
        #[serde(crate = "::kubewright::serde", rename_all = "camelCase")]
        $(#[$attribute])*
        $visibility struct $name { $($fields)* }
    };
}
