//! The objects of the files as a cluster would have them: validated, with defaults, a namespace, a
//! UID.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kubewright_core::index::AnyIndex;
use kubewright_core::kind::{AnyObject, ReadKind};
use kubewright_core::registry::{Controller, Definition};
use kubewright_core::view::{Fixed, Source};
use kubewright_core::{KindInfo, ObjectKey, Registry, Timestamp, hash};
use kubewright_manifests::path::FieldPath;
use kubewright_manifests::validate::{Problem, Severity, Validator, closest, validate_metadata};
use serde_json::{Map, Value, json};

use super::input::Object;
use super::report::Report;
use super::served;
use crate::args::RenderArgs;

/// A custom resource that is as the API server would store it.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) controller: Arc<dyn Controller>,
    pub(super) object: Object,
    pub(super) decoded: Arc<dyn AnyObject>,
}

/// All objects, for `build` to look at.
#[derive(Debug)]
pub(super) struct World {
    pub(super) resources: Vec<Resource>,
    objects: Fixed,
}

impl Source for World {
    fn get(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        self.objects.get(type_id, key)
    }

    fn list(
        &self,
        type_id: TypeId,
        namespace: Option<&str>,
        labels: &[(String, String)],
    ) -> Vec<Arc<dyn AnyObject>> {
        self.objects.list(type_id, namespace, labels)
    }

    fn indexed(&self, type_id: TypeId, index: AnyIndex, key: &str) -> Vec<Arc<dyn AnyObject>> {
        self.objects.indexed(type_id, index, key)
    }

    fn serves(&self, kind: &KindInfo) -> bool {
        self.objects.serves(kind)
    }

    fn now(&self) -> Timestamp {
        self.objects.now()
    }
}

impl World {
    /// Takes in what is of a kind that the registry reconciles or reads; the rest is noted and left
    /// out.
    pub(super) fn new(
        registry: &Registry,
        args: &RenderArgs,
        served: Vec<KindInfo>,
        objects: Vec<Object>,
        report: &mut Report,
    ) -> Self {
        let mut making = Making {
            registry,
            namespace: &args.namespace,
            reads: reads(registry),
            definitions: registry.definitions(),
            validators: BTreeMap::new(),
            seen: BTreeSet::new(),
            world: Self {
                resources: Vec::new(),
                objects: args.at.map_or_else(Fixed::empty, |now| Fixed::empty().at(now)),
            },
            report,
        };
        for kind in served {
            making.world.objects.serve(kind);
        }
        for object in objects {
            making.take(object);
        }
        making.namespaces();
        making.world
    }

    pub(super) fn has(&self, type_id: TypeId, key: &ObjectKey) -> bool {
        self.get(type_id, key).is_some()
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

struct Making<'a> {
    registry: &'a Registry,
    namespace: &'a str,
    reads: Vec<ReadKind>,
    definitions: Vec<Definition>,
    validators: BTreeMap<String, Validator>,
    seen: BTreeSet<(String, String, ObjectKey)>,
    world: World,
    report: &'a mut Report,
}

impl Making<'_> {
    fn take(&mut self, mut object: Object) {
        let (api_version, kind) =
            (object.text("apiVersion").to_owned(), object.text("kind").to_owned());
        if api_version.is_empty() || kind.is_empty() {
            let problem = Problem::error(&FieldPath::root(), "apiVersion and kind are missing");
            return self.report.problem(
                &object,
                &problem.or_write(format!(
                    "this program reconciles {}",
                    crate::help::kinds(self.registry)
                )),
            );
        }
        let defined: Vec<KindInfo> = served::defined_by(&object.value, self.registry);
        if !defined.is_empty() {
            return defined.into_iter().for_each(|kind| self.world.objects.serve(kind));
        }
        let controller = self.registry.controller_of(&api_version, &kind).map(Arc::clone);
        let read = self
            .reads
            .iter()
            .find(|r| r.info.api_version() == api_version && r.info.kind == kind)
            .map(|r| r.info.clone());
        let Some(info) = controller.as_ref().map(|c| c.resource()).or(read) else {
            return self.stranger(&object, &api_version, &kind);
        };
        if info.namespaced {
            default_namespace(&mut object.value, self.namespace);
        }
        let valid =
            match self.definitions.iter().find(|definition| definition.kind == info).cloned() {
                Some(definition) => self.valid(&definition, &mut object),
                None => self.fits(&object, &validate_metadata(&object.value, info.namespaced)),
            };
        if !valid {
            return;
        }
        let key = key(&object.value);
        if !self.seen.insert((api_version, kind, key.clone())) {
            let problem = Problem::error(
                &FieldPath::root(),
                "there is another object of this kind and name in the files",
            );
            return self.report.problem(
                &object,
                &problem.or_write("remove one of them, or rename it".to_owned()),
            );
        }
        identify(&mut object.value, &info, &key);
        self.keep(controller, &info, object);
    }

    /// Decodes the object as everything that it is: a resource, and what controllers read.
    fn keep(&mut self, controller: Option<Arc<dyn Controller>>, info: &KindInfo, object: Object) {
        let json = object.value.to_string();
        let unreadable = |error: serde_json::Error| {
            // The line and column are those of JSON that nobody has seen.
            let message = error.to_string();
            let message = message.split_once(" at line ").map_or(&*message, |(message, _)| message);
            Problem::error(&FieldPath::root(), format!("cannot be read as {info}: {message}"))
        };
        for read in self.reads.iter().filter(|r| r.info == *info) {
            match (read.decode)(json.as_bytes()) {
                Ok(decoded) if read.selects(&*decoded) => {
                    self.world.objects.insert(read.type_id, decoded)
                }
                Ok(_) => {}
                Err(error) => return self.report.problem(&object, &unreadable(error)),
            }
        }
        let Some(controller) = controller else { return };
        match controller.decode(json.as_bytes()) {
            Ok(decoded) => self.world.resources.push(Resource { controller, object, decoded }),
            Err(error) => self.report.problem(&object, &unreadable(error)),
        }
    }

    fn valid(&mut self, definition: &Definition, object: &mut Object) -> bool {
        let validator = self
            .validators
            .entry(definition.kind.resource())
            .or_insert_with(|| Validator::new(&definition.crd));
        let problems = validator.validate(&mut object.value);
        self.fits(object, &problems)
    }

    fn fits(&mut self, object: &Object, problems: &[Problem]) -> bool {
        for problem in problems {
            self.report.problem(object, problem);
        }
        problems.iter().all(|problem| problem.severity != Severity::Error)
    }

    /// An object of a kind that nobody here knows: left out, unless it looks like a slip.
    fn stranger(&mut self, object: &Object, api_version: &str, kind: &str) {
        let own: Vec<KindInfo> =
            self.definitions.iter().map(|definition| definition.kind.clone()).collect();
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let versions = |wanted: &dyn Fn(&KindInfo) -> bool| {
            own.iter()
                .filter(|info| wanted(info))
                .map(KindInfo::api_version)
                .collect::<Vec<_>>()
                .join(" or ")
        };
        let problem =
            |field: &str, message: String| Problem::error(&FieldPath::root().key(field), message);
        let same = versions(&|info| info.kind == kind && info.group == group);
        if !same.is_empty() {
            let problem = problem("apiVersion", format!("{kind} has no version {api_version}"))
                .or_write(format!("write {same}"));
            return self.report.problem(object, &problem);
        }
        let kinds: Vec<&str> =
            own.iter().filter(|info| info.group == group).map(|info| &*info.kind).collect();
        if !kinds.is_empty() {
            let help = format!("write {}", kinds.join(" or "));
            return self.report.problem(
                object,
                &problem("kind", format!("{group} has no kind {kind} here")).or_write(help),
            );
        }
        let alike = own.iter().filter(|info| info.kind == kind).map(|info| &*info.group);
        if let Some(meant) = closest(group, alike) {
            let help = format!(
                "did you mean {}?",
                versions(&|info| info.kind == kind && info.group == meant)
            );
            return self.report.problem(
                object,
                &problem("apiVersion", format!("no operator here knows {api_version}"))
                    .or_write(help),
            );
        }
        self.report.note(
            object,
            format!("left out: no operator here reconciles or reads {kind} of {api_version}"),
        );
    }

    /// A namespace that resources live in exists, whether it is in the files or not.
    fn namespaces(&mut self) {
        let used: BTreeSet<Arc<str>> = self
            .world
            .resources
            .iter()
            .map(|r| ObjectKey::of(r.decoded.meta()).namespace)
            .collect();
        for name in used.into_iter().filter(|name| !name.is_empty()) {
            let key = ObjectKey::cluster(Arc::clone(&name));
            let of_namespaces =
                |r: &&ReadKind| r.info.group.is_empty() && r.info.kind == "Namespace";
            for read in self.reads.iter().filter(of_namespaces) {
                if self.world.objects.get(read.type_id, &key).is_some() {
                    continue;
                }
                let mut value = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": &*name } });
                identify(&mut value, &read.info, &key);
                if let Ok(decoded) = (read.decode)(value.to_string().as_bytes()) {
                    self.world.objects.insert(read.type_id, decoded);
                }
            }
        }
    }
}

fn metadata(value: &mut Value) -> Option<&mut Map<String, Value>> {
    value.get_mut("metadata")?.as_object_mut()
}

fn key(value: &Value) -> ObjectKey {
    let text = |field: &str| {
        value.pointer(&format!("/metadata/{field}")).and_then(Value::as_str).unwrap_or_default()
    };
    ObjectKey::new(text("namespace"), text("name"))
}

fn default_namespace(value: &mut Value, namespace: &str) {
    if let Some(metadata) = metadata(value) {
        let given = metadata.get("namespace").is_some_and(|n| !n.is_null() && n != "");
        if !given {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
    }
}

/// What the API server would add: a UID, the first generation, the label of a Namespace. A UID that
/// is made up can be told by its zeroes; it is the same in every run, and another for every object.
fn identify(value: &mut Value, info: &KindInfo, key: &ObjectKey) {
    let is_namespace = info.group.is_empty() && info.kind == "Namespace";
    let Some(metadata) = metadata(value) else { return };
    let digest = format!("{:016x}", hash::of(format!("{} {key}", info.resource()).as_bytes()));
    metadata
        .entry("uid")
        .or_insert_with(|| format!("00000000-0000-0000-{}-{}", &digest[..4], &digest[4..]).into());
    metadata.entry("generation").or_insert_with(|| 1.into());
    if is_namespace
        && let Some(labels) = metadata.entry("labels").or_insert_with(|| json!({})).as_object_mut()
    {
        labels.entry("kubernetes.io/metadata.name").or_insert_with(|| (&*key.name).into());
    }
}
