//! Installs CRDs in a cluster.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};

use super::describe::{condition, describe};
use super::wait::{SOON, eventually};

/// The field manager of the tests.
pub(super) const MANAGER: &str = "tests";

/// Installs `definitions` and waits until the API server serves them.
pub(super) async fn install(client: &Client, definitions: &[CustomResourceDefinition]) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in definitions {
        let params = PatchParams::apply(MANAGER).force();
        api.patch(&crd.name_any(), &params, &Patch::Apply(crd)).await.unwrap();
    }
    for crd in definitions {
        let name = crd.name_any();
        eventually(SOON, format!("{name} is established"), async || {
            let found = api.get(&name).await.map_err(|e| e.to_string())?;
            if condition(&found, "Established").is_true() {
                Ok(())
            } else {
                Err(describe(&found.status))
            }
        })
        .await;
    }
}
