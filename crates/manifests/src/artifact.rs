//! A generated file, what a project may choose about it, and what can go wrong.

use kubewright_core::Registry;
use serde_json::{Map, Value, json};

use crate::yaml::{self, WriteError};

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Where it goes, below the folder of generated files, with `/`.
    pub path: String,
    /// What is in it.
    pub content: String,
}

/// What a project may choose. The default suits a project whose door is `cargo xtask`.
#[derive(Clone, Debug)]
pub struct Options {
    /// The command that makes the files; each file begins with it.
    pub command: String,
    /// The namespace in which the operator runs; `None` for the registry's name with `-system`.
    pub system_namespace: Option<String>,
    /// The ServiceAccount that the operator runs as; `None` for the registry's name.
    pub service_account: Option<String>,
    /// The namespaces in which the operator works; empty for all. With namespaces, rights are
    /// given in these alone.
    pub namespaces: Vec<String>,
    /// The operator's image; `None` for the registry's name with `:dev`.
    pub image: Option<String>,
    /// Whether an operator that declares Secret may be given the rights to every Secret of the
    /// cluster.
    pub secrets_everywhere: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            command: "cargo xtask gen".to_owned(),
            system_namespace: None,
            service_account: None,
            namespaces: Vec::new(),
            image: None,
            secrets_everywhere: false,
        }
    }
}

/// Why files cannot be generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry itself has a defect.
    #[error(transparent)]
    Registry(#[from] kubewright_core::registry::RegistryError),
    /// A definition or a sample is no JSON.
    #[error("{what} cannot be written as JSON: {source}; only finite numbers and string keys can")]
    Json {
        /// Of what.
        what: String,
        /// What serde says.
        source: serde_json::Error,
    },
    /// Something cannot be written as YAML.
    #[error("{path}: {source}")]
    Yaml {
        /// Which file.
        path: String,
        /// Why.
        source: WriteError,
    },
    /// Two files have one path.
    #[error(
        "two files are called {0}; give each controller, and each sample of a kind, a name of its own"
    )]
    SamePath(String),
    /// The rights would reach every Secret of the cluster.
    #[error(
        "the operator {controller} declares Secret, so that its role would reach every Secret of the cluster; \
         name the namespaces that it works in, or allow it with `Options::secrets_everywhere` (--allow-secrets)"
    )]
    SecretsEverywhere {
        /// Which operator.
        controller: &'static str,
    },
}

impl Options {
    /// The namespace in which the operator runs.
    #[must_use]
    pub fn system_namespace_of(&self, registry: &Registry) -> String {
        self.system_namespace.clone().unwrap_or_else(|| format!("{}-system", registry.name()))
    }

    /// The ServiceAccount that the operator runs as.
    #[must_use]
    pub fn service_account_of(&self, registry: &Registry) -> String {
        self.service_account.clone().unwrap_or_else(|| registry.name().to_owned())
    }

    /// The operator's image.
    #[must_use]
    pub fn image_of(&self, registry: &Registry) -> String {
        self.image.clone().unwrap_or_else(|| format!("{}:dev", registry.name()))
    }

    /// A page of Markdown: the command that makes it, and the page.
    pub(crate) fn page(&self, path: impl Into<String>, markdown: &str) -> Artifact {
        let head = format!("<!-- Made by `{}`; do not edit. -->\n\n", self.command);
        Artifact { path: path.into(), content: head + markdown }
    }

    /// A file of YAML documents: the command that makes it, a word about it, the documents.
    pub(crate) fn file(
        &self,
        path: impl Into<String>,
        about: &str,
        documents: &[String],
    ) -> Artifact {
        let head = yaml::comment(&format!("Made by `{}`; do not edit.", self.command))
            + &yaml::comment(about);
        Artifact { path: path.into(), content: head + &documents.join("---\n") }
    }
}

/// `value` as YAML; an error names the file.
pub(crate) fn written(path: &str, value: &Value) -> Result<String, Error> {
    yaml::to_yaml(value).map_err(|source| Error::Yaml { path: path.to_owned(), source })
}

/// The labels of the operator's own objects. Not `managed-by`: that is how the engine knows what it
/// made for a resource.
pub(crate) fn labels(registry: &Registry) -> Value {
    json!({ "app.kubernetes.io/name": registry.name(), "app.kubernetes.io/component": "operator" })
}

/// Two files of one path would overwrite each other.
pub(crate) fn distinct(artifacts: Vec<Artifact>) -> Result<Vec<Artifact>, Error> {
    let mut paths: Vec<&str> = artifacts.iter().map(|a| a.path.as_str()).collect();
    paths.sort_unstable();
    match paths.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::SamePath(pair[0].to_owned())),
        None => Ok(artifacts),
    }
}

/// Removes what says nothing: nulls, wherever a field may simply be absent.
pub(crate) fn without_nulls(map: &mut Map<String, Value>) {
    map.retain(|_, value| !value.is_null());
    for value in map.values_mut() {
        match value {
            Value::Object(inner) => without_nulls(inner),
            Value::Array(items) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(without_nulls)
            }
            _ => {}
        }
    }
}
