//! From the context of a kubeconfig to the address of its cluster and the credentials of its user.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use http::uri::InvalidUri;
use kube::Config;
use kube::config::{AuthInfo, Cluster, Context, ExecAuthCluster, Kubeconfig};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::environment::Environment;
use crate::error::with_causes;
use crate::proxy;

/// The configuration of a context, or of the current context; or what is wrong.
pub(crate) fn config(
    kubeconfig: &Kubeconfig,
    name: Option<&str>,
    environment: Environment<'_>,
) -> Result<Config, String> {
    let context = context(kubeconfig, name)?;
    let named = kubeconfig.clusters.iter().find(|named| named.name == context.cluster);
    let Some(cluster) = named.and_then(|named| named.cluster.as_ref()) else {
        return Err(format!("the cluster {:?} of the context is not defined", context.cluster));
    };
    let cluster = without_empty_texts(cluster)?;
    // As in client-go, a context may name a user that is not defined.
    let user = context.user.as_ref().and_then(|user| {
        let named = kubeconfig.auth_infos.iter().find(|named| named.name == *user);
        named.and_then(|named| named.auth_info.as_ref())
    });
    let mut user = user.map(without_empty_texts).transpose()?.unwrap_or_default();
    if let Some(exec) = user.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
        let info = ExecAuthCluster::try_from(&cluster).map_err(|error| with_causes(&error))?;
        exec.cluster = Some(info);
    }

    let server = server(&cluster)?;
    // As in client-go, credentials are for connections with TLS.
    if server.scheme_str() != Some("https") {
        user = AuthInfo {
            impersonate: user.impersonate,
            impersonate_uid: user.impersonate_uid,
            impersonate_groups: user.impersonate_groups,
            impersonate_user_extra: user.impersonate_user_extra,
            ..AuthInfo::default()
        };
    }
    let proxy = proxy::choose(&server, cluster.proxy_url.as_deref(), environment)?;
    let mut config = Config::new(server);
    config.default_namespace = context.namespace.unwrap_or_else(|| "default".to_owned());
    config.root_cert = root_certificates(&cluster)?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    config.tls_server_name = cluster.tls_server_name;
    config.proxy_url = proxy;
    config.auth_info = user;
    Ok(config)
}

fn context(kubeconfig: &Kubeconfig, name: Option<&str>) -> Result<Context, String> {
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|named| named.name.as_str()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let Some(name) = name.or(kubeconfig.current_context.as_deref()) else {
        return Err(format!("current-context is not set; the contexts are: {known}"));
    };
    let named = kubeconfig.contexts.iter().find(|named| named.name == name);
    match named.and_then(|named| named.context.as_ref()) {
        Some(context) => without_empty_texts(context),
        None => Err(format!("the context {name:?} is not defined; the contexts are: {known}")),
    }
}

/// Fields with the path of a file. kube puts the folder of the kubeconfig before a relative path.
const FILES: [&str; 4] = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

fn is_empty(name: &str, field: &Value) -> bool {
    field.as_str().is_some_and(|text| {
        text.is_empty() || FILES.contains(&name) && text.ends_with(std::path::MAIN_SEPARATOR)
    })
}

/// An empty text means the same as none. The text of binary data may have line breaks.
fn without_empty_texts<T: Serialize + DeserializeOwned>(part: &T) -> Result<T, String> {
    let clean = || -> Result<T, serde_json::Error> {
        let mut value = serde_json::to_value(part)?;
        if let Value::Object(fields) = &mut value {
            fields.retain(|name, field| !is_empty(name, field));
            for (_, field) in fields.iter_mut().filter(|(name, _)| name.ends_with("-data")) {
                let text = field.as_str().map(|text| text.split_whitespace().collect::<String>());
                *field = text.map_or(Value::Null, Value::from);
            }
        }
        serde_json::from_value(value)
    };
    clean().map_err(|error| error.to_string())
}

/// The address; without a scheme it has no TLS, as in client-go.
fn server(cluster: &Cluster) -> Result<Uri, String> {
    let Some(server) = &cluster.server else {
        return Err("the cluster of the context has no server".to_owned());
    };
    let url = if server.contains("://") { server.clone() } else { format!("http://{server}") };
    let invalid = |problem: &str| format!("the server {url:?} is no URL: {problem}");
    let uri: Uri = url.parse().map_err(|error: InvalidUri| invalid(&error.to_string()))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(_)) => Ok(uri),
        _ => Err(invalid("write https://HOST:PORT")),
    }
}

/// The certificates of the bundle that TLS can use, as DER; `None` to trust those of the system.
fn root_certificates(cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>, String> {
    let Cluster { certificate_authority: file, certificate_authority_data: data, .. } = cluster;
    let (source, pem) = match (data, file) {
        (Some(data), _) => {
            let pem = STANDARD.decode(data);
            ("certificate-authority-data", pem.map_err(|error| error.to_string()))
        }
        (None, Some(file)) => {
            (file.as_str(), std::fs::read(file).map_err(|error| error.to_string()))
        }
        (None, None) => return Ok(None),
    };
    let pem = pem.map_err(|error| format!("cannot read {source}: {error}"))?;
    let is_usable = |certificate: &CertificateDer<'_>| {
        RootCertStore::empty().add(certificate.clone().into_owned()).is_ok()
    };
    let certificates: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&pem)
        .flatten()
        .filter(is_usable)
        .map(|certificate| certificate.to_vec())
        .collect();
    if certificates.is_empty() {
        return Err(format!("{source} contains no certificate of an authority"));
    }
    Ok(Some(certificates))
}
