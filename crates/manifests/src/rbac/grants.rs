//! Which rights a controller needs, and why.

use kubewright_core::KindInfo;
use kubewright_core::registry::Controller;

/// Where a right is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// In the namespaces that the operator works in.
    Namespaced,
    /// In the whole cluster, whatever namespaces the operator works in.
    Cluster,
}

/// One rule of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The API group, empty for the core group.
    pub group: String,
    /// The resource in the plural, with its subresource: `deployments`, `echoes/status`.
    pub resource: String,
    /// The names to which the rule is limited; empty for all.
    pub names: Vec<String>,
    /// What may be done.
    pub verbs: &'static [&'static str],
    /// Which declarations need it, a comment in the file.
    pub reasons: Vec<String>,
    /// Where it is needed.
    pub reach: Reach,
}

/// Exactly what the engine sends: caches answer every look-up.
const WATCH: &[&str] = &["list", "watch"];
/// An apply needs `create` and `patch`; `get` is for an object that was in the way.
const OWN: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];
/// Looked at right before it is deleted; an annotation records an edit of which the API server
/// tells no time.
const RETIRE: &[&str] = &["get", "list", "watch", "patch", "delete"];
const APPLY_STATUS: &[&str] = &["patch"];
const BLOCK_DELETION: &[&str] = &["update"];
const RECORD: &[&str] = &["create"];

/// The rights that a controller needs, each once.
#[must_use]
pub fn grants(controller: &dyn Controller) -> Vec<Grant> {
    let resource = controller.resource();
    let mut grants = Grants::default();
    grants.kind(&resource, "", WATCH, format!("{resource} (type Resource): watched"));
    if controller.retires() {
        grants.kind(
            &resource,
            "",
            RETIRE,
            format!("{resource} (RETIRES): deleted when it has had its time"),
        );
    }
    grants.kind(
        &resource,
        "/status",
        APPLY_STATUS,
        format!("{resource} (type Resource): its status is written"),
    );
    grants.kind(
        &resource,
        "/finalizers",
        BLOCK_DELETION,
        format!(
            "{resource} (type Resource): blockOwnerDeletion in what it owns (admission OwnerReferencesPermissionEnforcement)"
        ),
    );
    for owned in controller.owns() {
        let kind = &owned.info;
        grants.kind(
            kind,
            "",
            OWN,
            format!(
                "{kind} (type Owns): watched, applied, and deleted when it is no longer wanted"
            ),
        );
        if owned.optional {
            grants.definition(
                kind,
                format!("{kind} (type Owns, Optional): to begin when its definition is installed"),
            );
        }
    }
    for read in controller.reads() {
        let kind = &read.info;
        let form = if read.metadata_only { ", Metadata" } else { "" };
        // RBAC knows no labels.
        let which = read
            .selector()
            .map(|labels| format!(", those with {labels} alone"))
            .unwrap_or_default();
        grants.kind(kind, "", WATCH, format!("{kind} (type Reads{form}): watched{which}"));
        if read.optional {
            grants.definition(
                kind,
                format!("{kind} (type Reads, Optional): to begin when its definition is installed"),
            );
        }
    }
    // Events about a cluster-scoped object go to the namespace `default`, which need not be one of
    // the operator's.
    let reach = reach(&resource);
    grants.add(Grant {
        group: "events.k8s.io".to_owned(),
        resource: "events".to_owned(),
        names: Vec::new(),
        verbs: RECORD,
        reasons: vec![format!("Events about {resource}")],
        reach,
    });
    grants.0
}

fn reach(kind: &KindInfo) -> Reach {
    if kind.namespaced { Reach::Namespaced } else { Reach::Cluster }
}

#[derive(Default)]
struct Grants(Vec<Grant>);

impl Grants {
    fn kind(
        &mut self,
        kind: &KindInfo,
        subresource: &str,
        verbs: &'static [&'static str],
        reason: String,
    ) {
        self.add(Grant {
            group: kind.group.to_string(),
            resource: format!("{}{subresource}", kind.plural),
            names: Vec::new(),
            verbs,
            reasons: vec![reason],
            reach: reach(kind),
        });
    }

    /// One definition by its name. A watch of it must select on `metadata.name`, or the rule does
    /// not cover it.
    fn definition(&mut self, kind: &KindInfo, reason: String) {
        self.add(Grant {
            group: "apiextensions.k8s.io".to_owned(),
            resource: "customresourcedefinitions".to_owned(),
            names: vec![kind.resource()],
            verbs: WATCH,
            reasons: vec![reason],
            reach: Reach::Cluster,
        });
    }

    /// A right that is needed for two reasons is one rule, and one that is part of another needs no
    /// rule.
    fn add(&mut self, new: Grant) {
        let same = |g: &Grant| {
            (&g.group, &g.resource, &g.names, g.reach)
                == (&new.group, &new.resource, &new.names, new.reach)
        };
        let covers = |a: &Grant, b: &Grant| b.verbs.iter().all(|verb| a.verbs.contains(verb));
        match self.0.iter_mut().find(|g| same(g) && (covers(g, &new) || covers(&new, g))) {
            Some(old) => {
                if covers(&new, old) {
                    old.verbs = new.verbs;
                }
                // Two parts of one kind are read for one reason.
                let news: Vec<String> = new
                    .reasons
                    .into_iter()
                    .filter(|reason| !old.reasons.contains(reason))
                    .collect();
                old.reasons.extend(news);
            }
            None => self.0.push(new),
        }
    }
}
