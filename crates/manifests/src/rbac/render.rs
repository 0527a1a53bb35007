//! The ServiceAccount, the roles and their bindings.

use kubewright_core::Registry;
use kubewright_core::controller::Controller;
use serde_json::{Value, json};

use super::grants::{Grant, Scope, grants};
use crate::artifact::{Artifact, Error, Options, labels, to_yaml, with_unique_paths};
use crate::yaml;

const GROUP: &str = "rbac.authorization.k8s.io";

/// `rbac/service-account.yaml`, and `rbac/role-<controller>.yaml` with the roles and bindings of
/// each controller.
///
/// # Guarantees
/// No wildcard, no `escalate`, `bind` or `impersonate`, and no access to all Secrets of a cluster
/// unless [`Options::secrets_everywhere`] allows it.
///
/// # Errors
/// [`Error::SecretsEverywhere`], or the first other [`Error`].
pub fn rbac(registry: &Registry, options: &Options) -> Result<Vec<Artifact>, Error> {
    let path = "rbac/service-account.yaml";
    let mut files =
        vec![options.file(path, "", &[to_yaml(path, &service_account(registry, options))?])];
    for controller in registry.controllers() {
        let path = format!("rbac/role-{}.yaml", controller.name());
        files.push(options.file(
            path,
            "",
            &controller_documents(registry, options, &**controller)?,
        ));
    }
    with_unique_paths(files)
}

/// The same objects as documents: the ServiceAccount, then the roles and bindings of each
/// controller.
///
/// # Errors
/// As [`rbac`].
pub fn documents(registry: &Registry, options: &Options) -> Result<Vec<String>, Error> {
    let mut documents = vec![to_yaml("rbac", &service_account(registry, options))?];
    for controller in registry.controllers() {
        documents.extend(controller_documents(registry, options, &**controller)?);
    }
    Ok(documents)
}

fn service_account(registry: &Registry, options: &Options) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": options.service_account_of(registry),
            "namespace": options.system_namespace_of(registry),
            "labels": labels(registry),
        },
    })
}

/// Roles and bindings of one controller.
fn controller_documents(
    registry: &Registry,
    options: &Options,
    controller: &dyn Controller,
) -> Result<Vec<String>, Error> {
    let all = grants(controller);
    let secrets = all.iter().any(|g| g.group.is_empty() && g.resource == "secrets");
    if secrets && options.namespaces.is_empty() && !options.secrets_everywhere {
        return Err(Error::SecretsEverywhere { controller: controller.name() });
    }
    let name = format!("{}-{}", registry.name(), controller.name());
    let is_cluster_wide =
        |grant: &Grant| options.namespaces.is_empty() || grant.scope == Scope::Cluster;
    let (cluster_wide, namespaced): (Vec<Grant>, Vec<Grant>) =
        all.into_iter().partition(is_cluster_wide);
    let mut documents = Vec::new();
    let mut add = |namespace: Option<&str>, rules: &[Grant]| -> Result<(), Error> {
        if !rules.is_empty() {
            documents.push(role(registry, &name, namespace, rules)?);
            documents.push(binding(registry, options, &name, namespace)?);
        }
        Ok(())
    };
    add(None, &cluster_wide)?;
    for namespace in &options.namespaces {
        add(Some(namespace), &namespaced)?;
    }
    Ok(documents)
}

fn metadata(registry: &Registry, name: &str, namespace: Option<&str>) -> Value {
    let mut metadata = json!({ "name": name, "labels": labels(registry) });
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    metadata
}

fn role(
    registry: &Registry,
    name: &str,
    namespace: Option<&str>,
    rules: &[Grant],
) -> Result<String, Error> {
    let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
    let head = json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": kind,
        "metadata": metadata(registry, name, namespace),
    });
    let mut text = to_yaml(name, &head)? + "rules:\n";
    for grant in rules {
        let rule = yaml::list_item(&grant.reasons.join("\n"), &rule(grant));
        text += &rule.map_err(|source| Error::Yaml { path: name.to_owned(), source })?;
    }
    Ok(text)
}

fn rule(grant: &Grant) -> Value {
    let mut rule =
        json!({ "apiGroups": [grant.group], "resources": [grant.resource], "verbs": grant.verbs });
    if !grant.names.is_empty() {
        rule["resourceNames"] = json!(grant.names);
    }
    rule
}

fn binding(
    registry: &Registry,
    options: &Options,
    name: &str,
    namespace: Option<&str>,
) -> Result<String, Error> {
    let prefix = if namespace.is_some() { "" } else { "Cluster" };
    to_yaml(
        name,
        &json!({
            "apiVersion": format!("{GROUP}/v1"),
            "kind": format!("{prefix}RoleBinding"),
            "metadata": metadata(registry, name, namespace),
            "roleRef": { "apiGroup": GROUP, "kind": format!("{prefix}Role"), "name": name },
            "subjects": [{
                "kind": "ServiceAccount",
                "name": options.service_account_of(registry),
                "namespace": options.system_namespace_of(registry),
            }],
        }),
    )
}
