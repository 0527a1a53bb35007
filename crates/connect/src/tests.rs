//! From files and variables to a configuration or a message.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::{Value, json};

use super::*;

/// A kubeconfig with one context, whose parts have these additional fields.
fn kubeconfig(cluster: &Value, user: &Value, context: &Value) -> Value {
    let with = |mut base: Value, more: &Value| {
        base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        base
    };
    let cluster = with(json!({ "server": "https://10.1.2.3:6443" }), cluster);
    let context = with(json!({ "cluster": "c", "user": "u" }), context);
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{ "name": "c", "cluster": cluster }],
        "users": [{ "name": "u", "user": user }],
        "contexts": [{ "name": "here", "context": context }],
    })
}

fn plain() -> Value {
    kubeconfig(&json!({}), &json!({}), &json!({}))
}

fn write(folder: &Path, name: &str, kubeconfig: &Value) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    path
}

/// The configuration with these variables, or the message.
fn config(connect: Connect, variables: &[(&str, &str)]) -> Result<Config, String> {
    let environment = |name: &str| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, text)| (*text).into())
    };
    connect.config_in(&environment).map_err(|error| error.to_string())
}

/// The configuration of one file.
fn config_of(kubeconfig: &Value) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "kubeconfig", kubeconfig);
    let prefix = format!("{} (from --kubeconfig) cannot be used: ", path.display());
    let connect = Connect { kubeconfig: Some(path), context: None };
    config(connect, &[]).map_err(|error| error.strip_prefix(&prefix).unwrap_or(&error).to_owned())
}

#[test]
fn no_cluster_names_every_file_that_was_looked_at() {
    for (variables, message) in [
        (&[][..], "$KUBECONFIG and $HOME are not set, and this is not a Pod"),
        (&[("HOME", "/no")], "/no/.kube/config does not exist, and this is not a Pod"),
        (
            &[("KUBECONFIG", ""), ("HOME", "/no")],
            "/no/.kube/config does not exist, and this is not a Pod",
        ),
        (
            &[("KUBECONFIG", "/no/a"), ("HOME", "/no")],
            "/no/a (from $KUBECONFIG) does not exist, and this is not a Pod",
        ),
        (
            &[("KUBECONFIG", "/no/a::/no/b:/no/c")],
            "/no/a, /no/b and /no/c (from $KUBECONFIG) do not exist, and this is not a Pod",
        ),
    ] {
        assert_eq!(config(Connect::default(), variables).unwrap_err(), message);
    }
    let kubeconfig = Connect { kubeconfig: Some("/no/a".into()), context: None };
    let message = "/no/a (from --kubeconfig) does not exist";
    assert_eq!(config(kubeconfig, &[(POD, "10.0.0.1")]).unwrap_err(), message);
    let context = Connect { kubeconfig: None, context: Some("here".to_owned()) };
    let message = "/no/.kube/config does not exist";
    assert_eq!(config(context, &[("HOME", "/no"), (POD, "10.0.0.1")]).unwrap_err(), message);
}

#[test]
fn a_pod_without_a_service_account_is_reported_as_one() {
    let message = config(Connect::default(), &[("HOME", "/no"), (POD, "10.0.0.1")]).unwrap_err();
    let part = "does not exist, and the ServiceAccount of this Pod cannot be used";
    assert!(message.contains(part), "{message}");
}

#[test]
fn files_that_do_not_exist_are_skipped_and_the_first_value_wins() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = plain();
    first["clusters"] = json!([]);
    first["current-context"] = json!("");
    write(folder.path(), "first", &first);
    let second = kubeconfig(
        &json!({ "server": "https://second" }),
        &json!({ "token": "second" }),
        &json!({ "namespace": "second" }),
    );
    write(folder.path(), "second", &second);
    std::fs::write(folder.path().join("empty"), "").unwrap();
    let paths = ["missing", "empty", "first", "missing", "second"];
    let paths = paths.map(|name| folder.path().join(name).display().to_string()).join(":");
    let config = config(Connect::default(), &[("KUBECONFIG", &paths)]).unwrap();
    assert_eq!(config.cluster_url, "https://second/");
    assert_eq!(config.default_namespace, "default", "the context is that of the first file");
    assert!(config.auth_info.token.is_none(), "the user is that of the first file");
    assert!(!config.default_retry);
}

#[test]
fn a_kubeconfig_that_cannot_be_used_has_a_message() {
    let changed = |path: &str, value: Value| {
        let mut whole = plain();
        *whole.pointer_mut(path).unwrap() = value;
        config_of(&whole).unwrap_err()
    };
    assert_eq!(
        changed("/current-context", json!("")),
        "current-context is not set; the contexts are: here"
    );
    assert_eq!(
        changed("/current-context", json!("there")),
        "the context \"there\" is not defined; the contexts are: here"
    );
    assert_eq!(
        changed("/contexts/0/context/cluster", json!("d")),
        "the cluster \"d\" of the context is not defined"
    );
    let server = |server| changed("/clusters/0/cluster/server", json!(server));
    assert_eq!(server(""), "the cluster of the context has no server");
    assert!(server("ftp://a").starts_with("the server \"ftp://a\" is no URL: write https://HOST"));
    assert!(server("https://a b").starts_with("the server \"https://a b\" is no URL: invalid"));
    let cluster = |cluster| config_of(&kubeconfig(&cluster, &json!({}), &json!({}))).unwrap_err();
    let message = cluster(json!({ "certificate-authority": "/no/ca.crt" }));
    assert!(message.starts_with("cannot read /no/ca.crt: No such file"), "{message}");
    let message = cluster(json!({ "certificate-authority-data": "*" }));
    assert!(message.starts_with("cannot read certificate-authority-data: Invalid"), "{message}");
    assert_eq!(
        cluster(json!({ "certificate-authority-data": "QQ==" })),
        "certificate-authority-data contains no certificate of an authority"
    );
    assert_eq!(
        cluster(json!({ "proxy-url": "a:1" })),
        "proxy-url must start with http://, \
                                                        https:// or socks5://"
    );
}

#[test]
fn an_empty_text_is_no_value() {
    let user = json!({
        "token": "", "tokenFile": "", "client-certificate": "", "client-certificate-data": "",
        "client-key-data": "", "as": "", "username": "",
    });
    let cluster = json!({
        "proxy-url": "", "certificate-authority-data": "", "certificate-authority": "",
        "tls-server-name": "",
    });
    let config = config_of(&kubeconfig(&cluster, &user, &json!({ "namespace": "" }))).unwrap();
    assert_eq!(config.default_namespace, "default");
    let user = config.auth_info;
    assert!(user.token.is_none() && user.token_file.is_none() && user.impersonate.is_none());
    assert!(user.client_certificate.is_none() && user.client_key_data.is_none());
    assert!(config.proxy_url.is_none() && config.root_cert.is_none());
    assert_eq!(config.tls_server_name, None);
}

#[test]
fn a_server_without_tls_gets_no_credentials() {
    let config = |server: &str| {
        let cluster = json!({ "server": server, "certificate-authority-data": "" });
        config_of(&kubeconfig(&cluster, &json!({ "token": "x", "as": "y" }), &json!({}))).unwrap()
    };
    for server in ["localhost:8080", "http://localhost:8080"] {
        let config = config(server);
        assert_eq!(config.cluster_url, "http://localhost:8080/");
        assert!(config.auth_info.token.is_none() && config.auth_info.impersonate.is_some());
    }
    let config = config("https://[::1]:6443");
    assert!(config.auth_info.token.is_some() && config.cluster_url.host() == Some("[::1]"));
}

#[test]
fn a_context_may_name_a_user_that_is_not_defined() {
    let context = json!({ "user": "other", "namespace": "team-a" });
    let config = config_of(&kubeconfig(&json!({}), &json!({ "token": "x" }), &context)).unwrap();
    assert!(config.auth_info.token.is_none() && config.default_namespace == "team-a");
}
