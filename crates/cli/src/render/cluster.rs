//! The objects of the files as a cluster stores them: validated, with defaults, a namespace and a
//! UID.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kubewright_core::controller::Controller;
use kubewright_core::internals::hash;
use kubewright_core::kind::{AnyObject, ReadKind};
use kubewright_core::registry::Definition;
use kubewright_core::view::Source as _;
use kubewright_core::{FakeCluster, KindInfo, ObjectKey, Registry};
use kubewright_manifests::path::FieldPath;
use kubewright_manifests::validate::{Problem, Severity, Validator, closest, validate_metadata};
use serde_json::{Map, Value, json};

use super::object::Object;
use super::report::Report;
use super::served;
use crate::args::RenderArgs;

/// A custom resource in the form that the API server stores.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) controller: Arc<dyn Controller>,
    pub(super) object: Object,
    pub(super) decoded: Arc<dyn AnyObject>,
}

/// The resources to render, and the objects that `build` can look up.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) resources: Vec<Resource>,
    pub(super) objects: FakeCluster,
}

impl Cluster {
    /// Loads the objects whose kind an operator reconciles or reads. Other objects give a note.
    pub(super) fn load(
        registry: &Registry,
        args: &RenderArgs,
        served: Vec<KindInfo>,
        objects: Vec<Object>,
        report: &mut Report,
    ) -> Self {
        let offline = args.at.map_or_else(FakeCluster::empty, |now| FakeCluster::empty().at(now));
        let mut loader = Loader {
            registry,
            namespace: &args.namespace,
            reads: reads(registry),
            definitions: registry.definitions(),
            validators: BTreeMap::new(),
            seen: BTreeSet::new(),
            cluster: Self { resources: Vec::new(), objects: offline },
            report,
        };
        for kind in served {
            loader.cluster.objects.serve(kind);
        }
        for object in objects {
            loader.load(object);
        }
        loader.add_namespaces();
        loader.cluster
    }
}

/// The kinds that any controller reads, each Rust type once.
fn reads(registry: &Registry) -> Vec<ReadKind> {
    let mut reads: Vec<ReadKind> = Vec::new();
    for read in registry.controllers().iter().flat_map(|c| c.reads()) {
        if !reads.iter().any(|r| r.type_id == read.type_id) {
            reads.push(read);
        }
    }
    reads
}

struct Loader<'a> {
    registry: &'a Registry,
    namespace: &'a str,
    reads: Vec<ReadKind>,
    definitions: Vec<Definition>,
    validators: BTreeMap<String, Validator>,
    seen: BTreeSet<(String, String, ObjectKey)>,
    cluster: Cluster,
    report: &'a mut Report,
}

impl Loader<'_> {
    fn load(&mut self, mut object: Object) {
        let (api_version, kind) =
            (object.text("apiVersion").to_owned(), object.text("kind").to_owned());
        if api_version.is_empty() || kind.is_empty() {
            let help = format!("this program reconciles {}", crate::help::kinds(self.registry));
            return self.reject(&object, "", "apiVersion and kind are missing", help);
        }
        let defined = served::defined_by(&object.value, self.registry);
        if !defined.is_empty() {
            return defined.into_iter().for_each(|kind| self.cluster.objects.serve(kind));
        }
        let controller = self.registry.controller_of(&api_version, &kind).map(Arc::clone);
        let is_read = |r: &&ReadKind| r.info.api_version() == api_version && r.info.kind == kind;
        let info = match &controller {
            Some(controller) => Some(controller.resource()),
            None => self.reads.iter().find(is_read).map(|read| read.info.clone()),
        };
        let Some(info) = info else {
            return self.skip_unknown(&object, &api_version, &kind);
        };
        if info.namespaced {
            set_default_namespace(&mut object.value, self.namespace);
        }
        if !self.validate(&info, &mut object) {
            return;
        }
        let key = ObjectKey::new(object.metadata_text("namespace"), object.metadata_text("name"));
        if !self.seen.insert((api_version, kind, key.clone())) {
            let message = "another object in the files has the same kind and name";
            return self.reject(&object, "", message, "remove or rename one of them".to_owned());
        }
        add_server_fields(&mut object.value, &info, &key);
        self.decode(controller, &info, object);
    }

    /// Decodes the object as each type under which controllers read it, and as a resource.
    fn decode(&mut self, controller: Option<Arc<dyn Controller>>, info: &KindInfo, object: Object) {
        let json = object.value.to_string();
        let describe = |error: serde_json::Error| {
            // The position of the error refers to this JSON, not to a file of the user.
            let message = error.to_string();
            let message = message.split_once(" at line ").map_or(&*message, |(message, _)| message);
            format!("cannot be read as {info}: {message}")
        };
        for read in self.reads.iter().filter(|r| r.info == *info) {
            match (read.decode)(json.as_bytes()) {
                Ok(decoded) if read.selects(&*decoded) => {
                    self.cluster.objects.insert(read.type_id, decoded);
                }
                Ok(_) => {}
                Err(error) => return self.report.add_error(&object, describe(error)),
            }
        }
        let Some(controller) = controller else { return };
        match controller.decode(json.as_bytes()) {
            Ok(decoded) => self.cluster.resources.push(Resource { controller, object, decoded }),
            Err(error) => self.report.add_error(&object, describe(error)),
        }
    }

    /// Validates the object against its definition, or only its metadata without a definition.
    /// Reports all problems; returns whether there is no error.
    fn validate(&mut self, info: &KindInfo, object: &mut Object) -> bool {
        let definition = self.definitions.iter().find(|definition| definition.kind == *info);
        let problems = match definition {
            Some(definition) => self
                .validators
                .entry(definition.kind.resource())
                .or_insert_with(|| Validator::new(&definition.crd))
                .validate(&mut object.value),
            None => validate_metadata(&object.value, info.namespaced),
        };
        for problem in &problems {
            self.report.add_problem(object, problem);
        }
        problems.iter().all(|problem| problem.severity != Severity::Error)
    }

    fn reject(&mut self, object: &Object, field: &str, message: impl Into<String>, help: String) {
        let root = FieldPath::root();
        let path = if field.is_empty() { root } else { root.key(field) };
        self.report.add_problem(object, &Problem::error(&path, message).with_help(help));
    }

    /// Skips an object of an unknown kind with a note, or rejects what looks like a typing error.
    fn skip_unknown(&mut self, object: &Object, api_version: &str, kind: &str) {
        let defined: Vec<KindInfo> = self.definitions.iter().map(|d| d.kind.clone()).collect();
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let versions = |group: &str| {
            let infos = defined.iter().filter(|info| info.kind == kind && info.group == group);
            infos.map(KindInfo::api_version).collect::<Vec<_>>().join(" or ")
        };
        let same_kind = versions(group);
        if !same_kind.is_empty() {
            let message = format!("{kind} has no version {api_version}");
            return self.reject(object, "apiVersion", message, format!("write {same_kind}"));
        }
        let kinds: Vec<&str> =
            defined.iter().filter(|info| info.group == group).map(|info| &*info.kind).collect();
        if !kinds.is_empty() {
            let message = format!("this program has no kind {kind} in the group {group}");
            return self.reject(object, "kind", message, format!("write {}", kinds.join(" or ")));
        }
        let groups = defined.iter().filter(|info| info.kind == kind).map(|info| &*info.group);
        if let Some(similar) = closest(group, groups) {
            let message = format!("this program does not know {api_version}");
            let help = format!("did you mean {}?", versions(similar));
            return self.reject(object, "apiVersion", message, help);
        }
        let note = format!("skipped: no operator of this program uses {kind} ({api_version})");
        self.report.add_note(object, &note);
    }

    /// Adds the namespaces of the resources, unless the files contain them.
    fn add_namespaces(&mut self) {
        let names: BTreeSet<Arc<str>> = self
            .cluster
            .resources
            .iter()
            .map(|resource| ObjectKey::of(resource.decoded.meta()).namespace)
            .filter(|name| !name.is_empty())
            .collect();
        for name in names {
            let key = ObjectKey::cluster(Arc::clone(&name));
            for read in self.reads.iter().filter(|read| is_namespace(&read.info)) {
                if self.cluster.objects.get(read.type_id, &key).is_some() {
                    continue;
                }
                let mut value = json!({
                    "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": &*name },
                });
                add_server_fields(&mut value, &read.info, &key);
                if let Ok(decoded) = (read.decode)(value.to_string().as_bytes()) {
                    self.cluster.objects.insert(read.type_id, decoded);
                }
            }
        }
    }
}

fn is_namespace(info: &KindInfo) -> bool {
    info.group.is_empty() && info.kind == "Namespace"
}

fn metadata(value: &mut Value) -> Option<&mut Map<String, Value>> {
    value.get_mut("metadata")?.as_object_mut()
}

fn set_default_namespace(value: &mut Value, namespace: &str) {
    let Some(metadata) = metadata(value) else { return };
    if metadata.get("namespace").is_none_or(|n| n.is_null() || n == "") {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
}

/// Adds what the API server adds: a UID, the first generation, the label of a Namespace. The UID is
/// a placeholder with leading zeros: the same in every run, and different for every object.
fn add_server_fields(value: &mut Value, info: &KindInfo, key: &ObjectKey) {
    let Some(metadata) = metadata(value) else { return };
    let digest = format!("{:016x}", hash::of(format!("{} {key}", info.resource()).as_bytes()));
    metadata
        .entry("uid")
        .or_insert_with(|| format!("00000000-0000-0000-{}-{}", &digest[..4], &digest[4..]).into());
    metadata.entry("generation").or_insert_with(|| 1.into());
    if is_namespace(info)
        && let Some(labels) = metadata.entry("labels").or_insert_with(|| json!({})).as_object_mut()
    {
        labels.entry("kubernetes.io/metadata.name").or_insert_with(|| (&*key.name).into());
    }
}
