//! What kubectl connects with, the operator and `kubectl preview` connect with: each form of a
//! kubeconfig on a real API server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod forwarders;

use std::path::{Path, PathBuf};
use std::process::Command;

use forwarders::{Forwarder, Protocol};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Client;
use kube::api::{Api, ListParams};
use kube::config::Kubeconfig;
use kubewright::runtime::{Connect, transport};
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::cluster::{Sandbox, kubeconfig_of};
use tests::programs::{kubectl, kubectl_preview};

/// A namespace, and what is needed to reach its cluster as a service account or an administrator.
struct Access {
    sandbox: Sandbox,
    folder: TempDir,
    /// The port of the API server on this machine.
    port: u16,
    /// PEM.
    authority: String,
    /// The token of a service account with all rights in the namespace.
    token: String,
    /// The user of the administrator, with a client certificate.
    administrator: Value,
}

impl Access {
    async fn new(about: &str) -> Self {
        let sandbox = Sandbox::new(about).await;
        let account = json!({ "metadata": { "name": "reader" } });
        sandbox.create::<ServiceAccount>(&serde_json::from_value(account).unwrap()).await;
        let subject = json!({
            "kind": "ServiceAccount", "name": "reader", "namespace": sandbox.namespace(),
        });
        let binding = json!({
            "metadata": { "name": "reader" }, "subjects": [subject],
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin",
            },
        });
        sandbox.create::<RoleBinding>(&serde_json::from_value(binding).unwrap()).await;
        let folder = tempfile::tempdir().unwrap();
        let namespace = sandbox.namespace();
        let path = kubeconfig_of(sandbox.cluster(), namespace, "reader", folder.path()).await;
        let with_token: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let file = Kubeconfig::read_from(sandbox.cluster().kubeconfig()).unwrap();
        let file = serde_json::to_value(file).unwrap();
        let cluster = &file["clusters"][0]["cluster"];
        let server: http::Uri = cluster["server"].as_str().unwrap().parse().unwrap();
        let mut administrator = json!({});
        for field in ["client-certificate", "client-key"] {
            administrator[field] = pem(&file["users"][0]["user"], field).into();
        }
        Self {
            folder,
            port: server.port_u16().unwrap(),
            authority: pem(cluster, "certificate-authority"),
            token: with_token["users"][0]["user"]["token"].as_str().unwrap().to_owned(),
            administrator,
            sandbox,
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The cluster as a kubeconfig describes it.
    fn cluster(&self) -> Value {
        self.write("ca.crt", &self.authority);
        let server = format!("https://127.0.0.1:{}", self.port);
        json!({ "server": server, "certificate-authority": "ca.crt" })
    }

    fn token(&self) -> Value {
        json!({ "token": self.token })
    }

    /// Writes a kubeconfig. Its context has the namespace.
    fn kubeconfig(&self, cluster: &Value, user: &Value) -> PathBuf {
        let context = json!({
            "cluster": "c", "user": "u", "namespace": self.sandbox.namespace(),
        });
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "here",
            "clusters": [{ "name": "c", "cluster": cluster }],
            "users": [{ "name": "u", "user": user }],
            "contexts": [{ "name": "here", "context": context }],
        });
        self.write("kubeconfig", &kubeconfig.to_string())
    }

    /// Asserts that kubectl, `kubectl preview` and the operator connect.
    async fn connects(&self, cluster: &Value, user: &Value) {
        let path = self.kubeconfig(cluster, user);
        let path = path.to_str().unwrap();
        self.programs_connect(&["--kubeconfig", path], &[]).await;
        self.operator_connects(path.as_ref()).await.unwrap();
    }

    async fn operator_connects(&self, kubeconfig: &Path) -> Result<(), String> {
        let connect = Connect { kubeconfig: Some(kubeconfig.to_owned()), context: None };
        let config = connect.config().map_err(|error| error.to_string())?;
        let transport = transport::transport(config).map_err(|error| error.to_string())?;
        self.lists(Client::new(transport, self.sandbox.namespace())).await
    }

    async fn lists(&self, client: Client) -> Result<(), String> {
        let api: Api<PreviewEnvironment> = Api::default_namespaced(client);
        let list = api.list(&ListParams::default()).await;
        list.map(drop).map_err(|error| format!("{error:?}"))
    }

    /// Asserts that kubectl and `kubectl preview` list previews of the namespace.
    async fn programs_connect(&self, flags: &[&str], variables: &[(&str, &str)]) {
        let reference = self.run(&kubectl(), &["get", "pe"], flags, variables).await;
        assert_eq!(reference.0, Some(0), "kubectl does not connect: {}", reference.1);
        let (code, errors) = self.run(kubectl_preview(), &["list"], flags, variables).await;
        assert_eq!(code, Some(0), "{errors}");
        let namespace = self.sandbox.namespace();
        assert!(errors.starts_with(&format!("Namespace {namespace} has no previews")), "{errors}");
    }

    /// Runs a program with only these variables; returns the exit code and standard error.
    async fn run(
        &self,
        program: &Path,
        args: &[&str],
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> (Option<i32>, String) {
        let mut command = Command::new(program);
        command.args(args).args(flags).env_clear().current_dir("/");
        command.env("HOME", self.folder.path()).env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(variables.iter().copied());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

/// The PEM of a field of a kubeconfig, which has the data or names a file.
fn pem(part: &Value, field: &str) -> String {
    match (&part[format!("{field}-data")], &part[field]) {
        (Value::String(data), _) => decode(data),
        (_, Value::String(path)) => std::fs::read_to_string(path).unwrap(),
        other => panic!("{field}: {other:?}"),
    }
}

/// Standard base64 of a text.
fn decode(data: &str) -> String {
    let secret = json!({ "data": { "text": data } });
    let secret: k8s_openapi::api::core::v1::Secret = serde_json::from_value(secret).unwrap();
    String::from_utf8(secret.data.unwrap()["text"].0.clone()).unwrap()
}

fn encode(text: &str) -> String {
    let bytes = k8s_openapi::ByteString(text.as_bytes().to_vec());
    serde_json::to_value(bytes).unwrap().as_str().unwrap().to_owned()
}

fn with(mut part: Value, more: &Value) -> Value {
    part.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    part
}

/// Credentials that `cat` prints.
fn plugin(path: &Path) -> Value {
    json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "cat", "args": [path],
        "interactiveMode": "Never",
    }})
}

fn credential(status: &Value) -> String {
    let version = "client.authentication.k8s.io/v1";
    json!({ "apiVersion": version, "kind": "ExecCredential", "status": status }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_inline_or_in_files_beside_the_kubeconfig() {
    let access = Access::new("certificate").await;
    let text = |field: &str| access.administrator[field].as_str().unwrap().to_owned();
    let inline = json!({
        "client-certificate-data": encode(&text("client-certificate")),
        "client-key-data": encode(&text("client-key")),
    });
    let cluster = json!({
        "server": access.cluster()["server"],
        "certificate-authority-data": encode(&access.authority),
    });
    access.connects(&cluster, &inline).await;
    access.write("client.crt", &text("client-certificate"));
    access.write("client.key", &text("client-key"));
    let files = json!({ "client-certificate": "client.crt", "client-key": "client.key" });
    access.connects(&access.cluster(), &files).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_inline_or_in_a_file_that_ends_in_a_line_break() {
    let access = Access::new("token").await;
    access.connects(&access.cluster(), &access.token()).await;
    access.write("token", &format!("{}\n", access.token));
    access.connects(&access.cluster(), &json!({ "tokenFile": "token" })).await;
    let both = json!({ "tokenFile": "token", "token": "old" });
    access.connects(&access.cluster(), &both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_returns_a_token_or_a_client_certificate() {
    let access = Access::new("plugin").await;
    let token = access.write("token", &credential(&access.token()));
    access.connects(&access.cluster(), &plugin(&token)).await;
    let status = json!({
        "clientCertificateData": access.administrator["client-certificate"],
        "clientKeyData": access.administrator["client-key"],
    });
    let certificate = access.write("certificate", &credential(&status));
    access.connects(&access.cluster(), &plugin(&certificate)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_without_an_expiry_are_renewed_when_they_are_rejected() {
    let access = Access::new("renewal").await;
    let administrator = || {
        json!({
            "clientCertificateData": access.administrator["client-certificate"],
            "clientKeyData": access.administrator["client-key"],
        })
    };
    for later in [access.token(), administrator()] {
        let answer = access.write("answer", &credential(&json!({ "token": "old" })));
        let kubeconfig = access.kubeconfig(&access.cluster(), &plugin(&answer));
        let connect = Connect { kubeconfig: Some(kubeconfig), context: None };
        let transport = transport::transport(connect.config().unwrap()).unwrap();
        let client = Client::new(transport, access.sandbox.namespace());
        access.write("answer", &credential(&later));
        access.lists(client).await.unwrap();
    }
    let token = access.write("token", "old\n");
    let kubeconfig = access.kubeconfig(&access.cluster(), &json!({ "tokenFile": token }));
    let connect = Connect { kubeconfig: Some(kubeconfig.clone()), context: None };
    let transport = transport::transport(connect.config().unwrap()).unwrap();
    access.write("token", &access.token);
    access.lists(Client::new(transport, access.sandbox.namespace())).await.unwrap();
    access.write("token", "old\n");
    let error = access.operator_connects(&kubeconfig).await.unwrap_err();
    assert!(error.contains("Unauthorized"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_may_be_one_of_several_in_a_file_or_may_be_skipped() {
    let access = Access::new("authority").await;
    let unusable = "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n";
    let authority = &access.authority;
    access.write("bundle.crt", &format!("# old\n{unusable}\n# new\n{authority}{authority}"));
    let server = access.cluster()["server"].clone();
    let bundle = json!({ "server": server, "certificate-authority": "bundle.crt" });
    access.connects(&bundle, &access.token()).await;
    let insecure = json!({ "server": server, "insecure-skip-tls-verify": true });
    access.connects(&insecure, &access.token()).await;
    // Without an authority, the certificates of the system decide.
    let path = access.kubeconfig(&json!({ "server": server }), &access.token());
    assert!(access.operator_connects(&path).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_in_the_certificate_of_the_server_may_differ_from_its_address() {
    let access = Access::new("name").await;
    let named = |name: &str| with(access.cluster(), &json!({ "tls-server-name": name }));
    access.connects(&named("localhost"), &access.token()).await;
    access.connects(&named("kubernetes.default.svc"), &access.token()).await;
    let path = access.kubeconfig(&named("other.example.com"), &access.token());
    let error = access.operator_connects(&path).await.unwrap_err();
    assert!(error.contains("InvalidCertificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_a_server_may_be_ipv6() {
    let access = Access::new("ipv6").await;
    let forwarder = Forwarder::start(Protocol::Plain, "::1", access.port).await;
    let server = format!("https://[::1]:{}", forwarder.port);
    let cluster = with(access.cluster(), &json!({ "server": server }));
    access.connects(&cluster, &access.token()).await;
    assert!(forwarder.connections() >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kubeconfig_may_name_a_proxy() {
    let access = Access::new("proxy").await;
    for (protocol, scheme) in [(Protocol::HttpProxy, "http"), (Protocol::Socks5, "socks5")] {
        let proxy = Forwarder::start(protocol, "127.0.0.1", access.port).await;
        let url = format!("{scheme}://127.0.0.1:{}", proxy.port);
        // Only the proxy knows the name.
        let cluster = json!({
            "server": "https://cluster.invalid:6443", "proxy-url": url,
            "tls-server-name": "localhost",
        });
        access.connects(&with(access.cluster(), &cluster), &access.token()).await;
        assert!(proxy.connections() >= 3, "{protocol:?}: {}", proxy.connections());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_may_name_a_proxy_except_for_this_machine() {
    let access = Access::new("environment").await;
    let path = access.kubeconfig(&access.cluster(), &access.token());
    let flags = ["--kubeconfig", path.to_str().unwrap()];
    // No server listens on port 1.
    let dead = ("HTTPS_PROXY", "http://127.0.0.1:1");
    access.programs_connect(&flags, &[dead]).await;
    access.programs_connect(&flags, &[dead, ("NO_PROXY", "a,,b")]).await;

    let proxy = Forwarder::start(Protocol::HttpProxy, "127.0.0.1", access.port).await;
    let cluster = json!({
        "server": "https://cluster.invalid:6443", "tls-server-name": "localhost",
    });
    access.kubeconfig(&with(access.cluster(), &cluster), &access.token());
    let url = format!("127.0.0.1:{}", proxy.port);
    access.programs_connect(&flags, &[("https_proxy", &url), ("NO_PROXY", "other")]).await;
    assert!(proxy.connections() >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_are_merged_and_missing_files_are_skipped() {
    let access = Access::new("files").await;
    let whole = access.kubeconfig(&access.cluster(), &access.token());
    let mut first: Value = serde_json::from_slice(&std::fs::read(&whole).unwrap()).unwrap();
    let mut second = first.clone();
    first["users"] = json!([]);
    second["clusters"] = json!([]);
    second["current-context"] = json!("elsewhere");
    let [first, second] = [("first", first), ("second", second)]
        .map(|(name, file)| access.write(name, &file.to_string()).display().to_string());
    let missing = access.folder.path().join("missing").display().to_string();
    let whole = whole.display().to_string();
    for files in [[&missing, &whole].as_slice(), &[&first, &missing, &second]] {
        let files: Vec<&str> = files.iter().map(|file| file.as_str()).collect();
        access.programs_connect(&[], &[("KUBECONFIG", &files.join(":"))]).await;
    }
    std::fs::create_dir_all(access.folder.path().join(".kube")).unwrap();
    let path = access.folder.path().join(".kube/config");
    std::fs::copy(&whole, path).unwrap();
    std::fs::copy(access.folder.path().join("ca.crt"), access.folder.path().join(".kube/ca.crt"))
        .unwrap();
    access.programs_connect(&[], &[]).await;
    access.programs_connect(&["--context", "here"], &[("KUBECONFIG", "")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impersonated_user_has_only_its_own_rights() {
    let access = Access::new("impersonation").await;
    let administrator = json!({
        "client-certificate-data":
            encode(access.administrator["client-certificate"].as_str().unwrap()),
        "client-key-data": encode(access.administrator["client-key"].as_str().unwrap()),
    });
    let member = json!({
        "as": "jane", "as-uid": "7", "as-groups": ["system:masters"],
        "as-user-extra": { "example.com/reason": ["a", "b"] },
    });
    access.connects(&access.cluster(), &with(administrator.clone(), &member)).await;
    let stranger = with(administrator, &json!({ "as": "jane" }));
    let path = access.kubeconfig(&access.cluster(), &stranger);
    let flags = ["--kubeconfig", path.to_str().unwrap()];
    let error = access.operator_connects(&path).await.unwrap_err();
    assert!(error.contains("User \\\"jane\\\" cannot list"), "{error}");
    let (code, error) = access.run(kubectl_preview(), &["list"], &flags, &[]).await;
    assert!(code == Some(4) && error.contains("User \"jane\" cannot list"), "{error}");
}
