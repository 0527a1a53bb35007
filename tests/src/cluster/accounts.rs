//! Kubeconfigs and clients with the rights of a service account, instead of an administrator's.

use std::path::{Path, PathBuf};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

use super::connect::Cluster;

/// Requests a token of a service account, as a Pod gets one, and writes a kubeconfig with the token
/// into `folder`.
pub async fn kubeconfig_of(
    cluster: &Cluster,
    namespace: &str,
    account: &str,
    folder: &Path,
) -> PathBuf {
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client().await, namespace);
    let spec = TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let answer =
        accounts.create_token_request(account, &PostParams::default(), &request).await.unwrap();
    let token = answer.status.unwrap().token;
    let mut config = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
    for user in &mut config.auth_infos {
        let info: AuthInfo = serde_json::from_value(json!({ "token": token })).unwrap();
        user.auth_info = Some(info);
    }
    let path = folder.join(format!("{namespace}-{account}.kubeconfig"));
    // JSON is valid YAML.
    std::fs::write(&path, serde_json::to_vec(&config).unwrap()).unwrap();
    path
}

/// A client with the rights that a kubeconfig gives.
pub async fn client_of(kubeconfig: &Path) -> Client {
    let file = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}
