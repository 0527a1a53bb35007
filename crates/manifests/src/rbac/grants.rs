//! The rights of a controller, each with the declaration that needs it.

use kubewright_core::KindInfo;
use kubewright_core::controller::Controller;

/// Scope of a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The namespaces that the operator watches.
    Namespaced,
    /// The whole cluster, even if the operator is limited to namespaces.
    Cluster,
}

/// One rule of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural resource name with its subresource: `deployments`, `echoes/status`.
    pub resource: String,
    /// Object names to which the rule is limited; empty for all.
    pub names: Vec<String>,
    /// Allowed verbs.
    pub verbs: &'static [&'static str],
    /// Declarations that need the right; comments in the generated file.
    pub reasons: Vec<String>,
    /// Scope of the right.
    pub scope: Scope,
}

/// The engine only lists and watches; its caches answer every look-up.
const WATCH: &[&str] = &["list", "watch"];
/// An apply needs `create` and `patch`. A conflict needs `get`.
const OWN: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];
/// The engine reads an expired resource again right before it deletes the resource.
const EXPIRE: &[&str] = &["get", "list", "watch", "delete"];
const APPLY_STATUS: &[&str] = &["patch"];
const BLOCK_DELETION: &[&str] = &["update"];
const READ: &[&str] = &["get"];
const RECORD: &[&str] = &["create"];

/// The rights of a controller, each once.
#[must_use]
pub fn grants(controller: &dyn Controller) -> Vec<Grant> {
    let resource = controller.resource();
    let mut grants = Grants::default();
    grants.add(&resource, "", WATCH, "type Resource", "watched");
    if controller.expires() {
        grants.add(&resource, "", EXPIRE, "type Owns, Expires", "deleted when it expires");
    }
    grants.add(&resource, "/status", APPLY_STATUS, "type Resource", "status written");
    if !controller.owns().is_empty() {
        grants.add(
            &resource,
            "/finalizers",
            BLOCK_DELETION,
            "type Resource",
            "blockOwnerDeletion in owner references (OwnerReferencesPermissionEnforcement)",
        );
    }
    for owned in controller.owns() {
        grants.add(
            &owned.info,
            "",
            OWN,
            "type Owns",
            "watched, applied, deleted when no longer desired",
        );
        if owned.optional {
            grants.add_definition(&owned.info, WATCH, "type Owns, Optional", "watched");
        }
    }
    for read in controller.reads() {
        let declaration = if read.metadata_only { "type Reads, Metadata" } else { "type Reads" };
        // RBAC cannot select by labels.
        let why = read.selector().map_or_else(
            || "watched".to_owned(),
            |labels| format!("watched where labels match {labels}"),
        );
        grants.add(&read.info, "", WATCH, declaration, &why);
        if read.optional {
            grants.add_definition(&read.info, WATCH, "type Reads, Optional", "watched");
        } else if !read.info.is_built_in() && read.info != resource {
            let why = "read when an object is deleted";
            grants.add_definition(&read.info, READ, "type Reads", why);
        }
    }
    // Events about a cluster-scoped object are created in the namespace `default`.
    grants.merge(Grant {
        group: "events.k8s.io".to_owned(),
        resource: "events".to_owned(),
        names: Vec::new(),
        verbs: RECORD,
        reasons: vec![format!("{resource} (type Resource): events recorded")],
        scope: scope(&resource),
    });
    grants.0
}

fn scope(kind: &KindInfo) -> Scope {
    if kind.namespaced { Scope::Namespaced } else { Scope::Cluster }
}

#[derive(Default)]
struct Grants(Vec<Grant>);

impl Grants {
    fn add(
        &mut self,
        kind: &KindInfo,
        subresource: &str,
        verbs: &'static [&'static str],
        declaration: &str,
        why: &str,
    ) {
        self.merge(Grant {
            group: kind.group.to_string(),
            resource: format!("{}{subresource}", kind.plural),
            names: Vec::new(),
            verbs,
            reasons: vec![format!("{kind} ({declaration}): {why}")],
            scope: scope(kind),
        });
    }

    /// Adds a right to the definition of a kind, by its name. The rule covers only a watch that
    /// selects `metadata.name`.
    fn add_definition(
        &mut self,
        kind: &KindInfo,
        verbs: &'static [&'static str],
        declaration: &str,
        why: &str,
    ) {
        self.merge(Grant {
            group: "apiextensions.k8s.io".to_owned(),
            resource: "customresourcedefinitions".to_owned(),
            names: vec![kind.resource()],
            verbs,
            reasons: vec![format!("{kind} ({declaration}): definition {why}")],
            scope: Scope::Cluster,
        });
    }

    /// Adds a right, or merges the right with one that contains it or is part of it.
    fn merge(&mut self, new: Grant) {
        let is_same_object = |g: &Grant| {
            (&g.group, &g.resource, &g.names, g.scope)
                == (&new.group, &new.resource, &new.names, new.scope)
        };
        let covers = |a: &Grant, b: &Grant| b.verbs.iter().all(|verb| a.verbs.contains(verb));
        let mergeable = |g: &Grant| is_same_object(g) && (covers(g, &new) || covers(&new, g));
        let Some(old) = self.0.iter_mut().find(|g| mergeable(g)) else {
            return self.0.push(new);
        };
        if covers(&new, old) {
            old.verbs = new.verbs;
        }
        for reason in new.reasons {
            if !old.reasons.contains(&reason) {
                old.reasons.push(reason);
            }
        }
    }
}
