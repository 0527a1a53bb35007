//! What the core promises to operators and to the engine: stamping, erased controllers, the
//! registry's own checks.
#![allow(clippy::unwrap_used)]

mod support;

use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kubewright_core::children::ChildError;
use kubewright_core::desired::Desired;
use kubewright_core::kind::{Kinds, Labels, ReadKinds};
use kubewright_core::observed::{Covered, Entry};
use kubewright_core::plan::{Existing, Step, plan};
use kubewright_core::registry::{Program, RegistryError};
use kubewright_core::view::{Fixed, Query};
use kubewright_core::{
    Children, Index, Invalid, KindInfo, Metadata, ObjectKey, Observed, Operator, Optional,
    Registry, Sample, Selected, Selector, Served, View, labels, shard,
};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use support::{
    Page, PageStatus, Pages, Route, RouteSpec, STAMP, UID, applied, desired, entry, owner,
};

#[test]
fn the_engine_sets_namespace_owner_labels_and_hash_on_every_child() {
    let child = desired(&["a"]).remove(0);
    let metadata = &child.body()["metadata"];
    assert_eq!(metadata["namespace"], "ns");
    assert_eq!(metadata["ownerReferences"][0]["uid"], UID);
    assert_eq!(metadata["ownerReferences"][0]["controller"], true);
    assert_eq!(metadata["labels"][labels::MANAGED_BY], "test-manager");
    assert_eq!(metadata["labels"][labels::INSTANCE], "page");
    assert_eq!(metadata["annotations"][labels::DESIRED_HASH], child.hash().to_string());
    assert_eq!(child.body()["kind"], "ConfigMap");
}

#[test]
fn the_hash_depends_on_what_is_wanted_and_on_nothing_else() {
    assert_eq!(desired(&["a"])[0].hash(), desired(&["a"])[0].hash());
    assert_ne!(desired(&["a"])[0].hash(), desired(&["b"])[0].hash());
}

fn config(name: Option<&str>, namespace: Option<&str>) -> ConfigMap {
    let mut config = ConfigMap::default();
    config.metadata.name = name.map(str::to_owned);
    config.metadata.namespace = namespace.map(str::to_owned);
    config
}

#[test]
fn children_that_cannot_be_owned_are_defects_with_advice() {
    let stamp = |children: Vec<_>| STAMP.all(&owner(), children).unwrap_err();
    let of = |items: Vec<ConfigMap>| {
        let mut children = Children::<(ConfigMap,)>::new();
        for item in items {
            children.add(item);
        }
        children.into_vec().unwrap()
    };
    assert!(matches!(stamp(of(vec![config(None, None)])), ChildError::Unnamed(_)));
    assert!(matches!(
        stamp(of(vec![config(Some("a"), Some("elsewhere"))])),
        ChildError::OtherNamespace { .. }
    ));
    assert!(matches!(
        stamp(of(vec![config(Some("a"), None), config(Some("a"), None)])),
        ChildError::Twice(..)
    ));
    let cluster = Children::<(Namespace,)>::new().with(Namespace::default()).into_vec().unwrap();
    let mut named = Namespace::default();
    named.metadata.name = Some("n".into());
    assert!(matches!(stamp(cluster), ChildError::Unnamed(_)));
    let cluster = Children::<(Namespace,)>::new().with(named).into_vec().unwrap();
    assert!(stamp(cluster).to_string().contains("cluster-scoped"));
}

#[test]
fn a_controller_builds_from_json_and_records_what_was_looked_up() {
    let registry = Registry::new("test-manager").with(Pages);
    registry.check().unwrap();
    let controller = registry.controller_of("test.example.com/v1", "Page").unwrap();
    let page = json!({ "apiVersion": "test.example.com/v1", "kind": "Page",
        "metadata": { "name": "page", "namespace": "ns", "uid": UID }, "spec": { "text": "hello" } });
    let page = controller.decode(page.to_string().as_bytes()).unwrap();
    let built = controller.build("test-manager", &*page, &Fixed::empty()).unwrap();
    let children = built.children.unwrap();
    assert_eq!(children[0].body()["data"]["text"], "hello");
    assert_eq!(built.lookups[0].query, Query::Get(ObjectKey::cluster("ns")));
}

#[test]
fn children_say_which_shard_they_belong_to_where_there_are_shards_and_nowhere_else() {
    let registry = Registry::new("test-manager").with(Pages);
    let controller = &registry.controllers()[0];
    let json = json!({ "apiVersion": "test.example.com/v1", "kind": "Page",
        "metadata": { "name": "page", "namespace": "ns", "uid": UID }, "spec": { "text": "hello" } });
    let page = controller.decode(json.to_string().as_bytes()).unwrap();
    let labels = |sharded| {
        let program = Program { manager: "test-manager", sharded };
        let built = controller.build_for(program, &*page, &Fixed::empty()).unwrap();
        built.children.unwrap()[0].body()["metadata"]["labels"].clone()
    };
    let (alone, mut sharded) = (labels(false), labels(true));
    assert_eq!(
        sharded.as_object_mut().unwrap().remove("kubewright.dev/shard"),
        Some(shard::bucket(UID).into())
    );
    assert_eq!(sharded, alone);
}

#[test]
fn an_invalid_resource_still_records_what_was_looked_up_before() {
    let registry = Registry::new("test-manager").with(Pages);
    let controller = &registry.controllers()[0];
    let page = json!({ "apiVersion": "test.example.com/v1", "kind": "Page", "metadata": { "name": "p" }, "spec": { "text": "bad" } });
    let page = controller.decode(page.to_string().as_bytes()).unwrap();
    let invalid = controller.build("m", &*page, &Fixed::empty()).unwrap().children.unwrap_err();
    assert_eq!((invalid.reason, invalid.message.as_str()), ("BadText", "write another text"));
}

#[test]
fn an_object_that_there_is_one_of_at_a_time_is_returned_alone_and_of_kinds_that_are_owned() {
    let mut children =
        Children::<(ConfigMap, Optional<Route>)>::new().with(config(Some("a"), None));
    children.add_alone_among::<(ConfigMap, Route), _, _>(Route::new("web", RouteSpec::default()));
    let beside = STAMP.all(&owner(), children.into_vec().unwrap()).unwrap_err();
    assert!(
        matches!(&beside, ChildError::NotAlone(one, other) if **one == *"Route ns/web" && **other == *"ConfigMap ns/a"),
        "{beside}"
    );

    let built = |text: &str| {
        let page = json!({ "apiVersion": "test.example.com/v1", "kind": "Page",
            "metadata": { "name": "page", "namespace": "ns", "uid": UID }, "spec": { "text": text } });
        let registry = Registry::new("test-manager").with(Pages);
        let controller = &registry.controllers()[0];
        controller.build(
            "test-manager",
            &*controller.decode(page.to_string().as_bytes()).unwrap(),
            &Fixed::empty(),
        )
    };
    let strange = built("alone").unwrap_err();
    assert!(
        matches!(&strange, ChildError::AloneAmong(_, kind) if kind == "namespaces"),
        "{strange}"
    );
    let misplaced = built("misplaced").unwrap_err();
    assert!(
        matches!(&misplaced, ChildError::NotOfItsGroup(child) if **child == *"Route ns/page"),
        "{misplaced}"
    );
    // What it waits for may go with its whole kind, and then no event of its own tells.
    let lookups = built("chosen").unwrap().lookups;
    assert!(
        lookups.iter().any(|asked| asked.kind.kind == "Route" && asked.query == Query::Served),
        "{lookups:?}"
    );
}

#[test]
fn a_registry_that_cannot_work_says_why() {
    assert_eq!(Registry::new("Not A Label").check(), Err(RegistryError::Name("Not A Label")));
    assert_eq!(
        Registry::new("m").with(Pages).with(Pages).check(),
        Err(RegistryError::SameName("pages"))
    );
    let unknown = Registry::new("m").with(Pages).only(&["nope".to_owned()]).unwrap_err();
    assert_eq!(unknown.to_string(), "there is no controller \"nope\"; there are: pages");
}

#[test]
fn declarations_are_known_without_running() {
    let registry = Registry::new("m").with(Pages);
    let controller = &registry.controllers()[0];
    let owns: Vec<_> =
        controller.owns().into_iter().map(|k| (k.info.resource(), k.optional)).collect();
    assert_eq!(
        owns,
        [("configmaps".to_owned(), false), ("routes.other.example.com".to_owned(), true)]
    );
    let reads = controller.reads();
    assert_eq!((reads[0].info.resource().as_str(), reads[0].metadata_only), ("namespaces", true));
}

fn route(rules: Value) -> Result<Desired, ChildError> {
    let headers = (0..20).map(|number| (number.to_string(), number.to_string())).collect();
    let children = Children::<(Route,)>::new()
        .with(Route::new("web", RouteSpec { headers, rules }))
        .into_vec()?;
    Ok(STAMP.all(&owner(), children)?.remove(0))
}

#[test]
fn the_hash_does_not_depend_on_the_order_in_which_fields_come() {
    // Each HashMap has an order of its own.
    let (one, other) = (route(json!({})).unwrap(), route(json!({})).unwrap());
    assert_ne!(one.print(), other.print(), "both came in one order, this time");
    assert_eq!(one.hash(), other.hash());
    let fields = to_raw_value(&entry(one.body())).unwrap();
    let mut have = applied(&one);
    have.entry = Entry::Unverified { hash: 1, fields: fields.into() }.verified(Covered::by(&one));
    let existing = Existing { kind: &other.kind, child: &have };
    let steps = plan(UID, std::slice::from_ref(&other), &[existing], |_| true);
    assert_eq!(
        steps,
        [Step::Keep { index: 0, learned: true }],
        "the long way, and nothing to write"
    );
}

#[test]
fn an_object_that_is_nested_too_deeply_to_be_read_is_a_defect() {
    let nested = |depth| {
        (0..depth).fold(json!({ "text": "{[\"{" }), |inner, _| json!({ "a": [1, "}", inner] }))
    };
    // Two levels for each, one for the innermost, two for the object and its spec.
    let deepest = |depth| route(nested(depth));
    assert_eq!(deepest(62).unwrap().body()["kind"], "Route");
    assert!(matches!(deepest(63), Err(ChildError::TooDeep(kind)) if &*kind == "Route"));
    let wide = json!(vec![json!({ "a": [{}, {}] }); 1000]);
    assert_eq!(route(wide).unwrap().body()["kind"], "Route", "many parts are no depth");
}

/// An operator that is as `Pages`, but declares other kinds.
struct Declares<Owns, Reads>(PhantomData<fn() -> (Owns, Reads)>);

impl<Owns: Kinds, Reads: ReadKinds> Operator for Declares<Owns, Reads> {
    const NAME: &'static str = "declares";
    type Resource = Page;
    type Owns = Owns;
    type Reads = Reads;

    fn build(&self, _: &Page, _: &View<'_, Reads>) -> Result<Children<Owns>, Invalid> {
        Ok(Children::new())
    }

    fn status(&self, _: &Page, _: &Observed<'_, Owns>) -> PageStatus {
        PageStatus::default()
    }

    fn samples() -> Vec<Sample<Page>> {
        Vec::new()
    }
}

fn check<Owns: Kinds, Reads: ReadKinds>() -> Result<(), RegistryError> {
    Registry::new("test").with(Declares::<Owns, Reads>(PhantomData)).check()
}

#[test]
fn a_kind_is_owned_once_and_in_one_version() {
    use k8s_openapi::api::autoscaling::{v1, v2};
    let resource = "horizontalpodautoscalers.autoscaling".to_owned();
    let twice = Err(RegistryError::OwnedTwice { controller: "declares", resource });
    assert_eq!(check::<(v1::HorizontalPodAutoscaler, v2::HorizontalPodAutoscaler), ()>(), twice);
    assert_eq!(
        check::<(v2::HorizontalPodAutoscaler, ConfigMap, v2::HorizontalPodAutoscaler), ()>(),
        twice
    );
    assert!(check::<(Route, Optional<Route>), ()>().is_err());
    assert_eq!(
        check::<(v2::HorizontalPodAutoscaler, ConfigMap), (v1::HorizontalPodAutoscaler, ConfigMap)>(
        ),
        Ok(())
    );
}

#[test]
fn whether_a_kind_is_served_is_asked_of_what_is_owned_and_optional() {
    let resource = "routes.other.example.com".to_owned();
    let refused =
        RegistryError::ServedUnowned { controller: "declares", kind: "Route".to_owned(), resource };
    assert_eq!(check::<(ConfigMap,), (Served<Route>,)>(), Err(refused.clone()));
    assert_eq!(check::<(ConfigMap, Route), (Served<Route>,)>(), Err(refused.clone()));
    assert_eq!(check::<(ConfigMap,), (Optional<Route>, Served<Route>)>(), Err(refused.clone()));
    assert_eq!(
        check::<(ConfigMap, Optional<Route>), (Metadata<Namespace>, Served<Route>)>(),
        Ok(())
    );
    assert!(refused.to_string().contains("Optional<Route>"), "{refused}");
}

#[test]
fn a_child_of_an_optional_kind_is_a_question_whether_that_is_served() {
    let children = |text: &str| {
        let page = json!({ "apiVersion": "test.example.com/v1", "kind": "Page",
            "metadata": { "name": "page", "namespace": "ns", "uid": UID }, "spec": { "text": text } });
        let registry = Registry::new("test-manager").with(Pages);
        let controller = &registry.controllers()[0];
        let page = controller.decode(page.to_string().as_bytes()).unwrap();
        let asked = controller.build("test-manager", &*page, &Fixed::empty()).unwrap().lookups;
        asked
            .into_iter()
            .filter(|l| l.query == Query::Served)
            .map(|l| l.kind.resource())
            .collect::<Vec<_>>()
    };
    assert_eq!(children("hello"), [""; 0], "a ConfigMap is always served");
    assert_eq!(children("routed"), ["routes.other.example.com"]);
}

#[test]
fn a_kind_that_is_defined_is_read_by_somebody_and_defined_once() {
    let registry = || Registry::new("test").with(Declares::<(ConfigMap,), (Route,)>(PhantomData));
    let defined = registry().with_definition::<Route>(&[]);
    assert_eq!(defined.check(), Ok(()));
    let names: Vec<String> =
        defined.definitions().iter().map(|definition| definition.kind.resource()).collect();
    assert_eq!(names, ["pages.test.example.com", "routes.other.example.com"]);
    let twice = |resource: &str| Err(RegistryError::SameResource(resource.to_owned()));
    assert_eq!(defined.with_definition::<Route>(&[]).check(), twice("routes.other.example.com"));
    assert_eq!(registry().with_definition::<Page>(&[]).check(), twice("pages.test.example.com"));
    let unread = Registry::new("test").with(Pages).with_definition::<Route>(&[]);
    assert_eq!(unread.check(), Err(RegistryError::Unread("routes.other.example.com".to_owned())));
    let others = registry().with(Pages).with_definition::<Route>(&[]);
    assert_eq!(
        others.only(&["pages".to_owned()]).unwrap().definitions().len(),
        1,
        "nobody reads it who is left"
    );
}

/// ConfigMaps that are ours.
struct Ours;

impl Selector for Ours {
    const LABELS: Labels = &[("app", "web")];
}

/// By the first letter of the name.
struct ByLetter;

impl Index for ByLetter {
    type Of = Selected<ConfigMap, Ours>;
    fn keys(config: &ConfigMap) -> Vec<String> {
        config.metadata.name.iter().map(|name| name.chars().take(1).collect()).collect()
    }
}

#[test]
fn a_view_gives_what_is_selected_what_has_a_key_and_what_is_served() {
    let labelled = |name: &str, namespace: &str, app: &str| {
        let mut config = config(Some(name), Some(namespace));
        config.metadata.labels = Some([("app".to_owned(), app.to_owned())].into());
        config
    };
    let mut source = Fixed::empty().serving::<Route>();
    for (name, namespace, app) in
        [("b", "y", "web"), ("ba", "x", "web"), ("c", "x", "web"), ("bb", "x", "other")]
    {
        source = source.with_as::<Selected<ConfigMap, Ours>>(labelled(name, namespace, app));
    }
    let view =
        View::<(ConfigMap, Selected<ConfigMap, Ours>, Served<Route>, Served<Page>)>::new(&source);
    let names = |found: Vec<Arc<ConfigMap>>| {
        found.iter().map(|c| ObjectKey::of(&c.metadata).to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(view.by::<ByLetter, _>("b")), ["x/ba", "y/b"]);
    assert_eq!(names(view.list::<Selected<ConfigMap, Ours>, _>(Some("x"), &[])), ["x/ba", "x/c"]);
    assert_eq!(names(view.list::<ConfigMap, _>(None, &[])), [""; 0], "it is another name");
    assert!(view.get::<Selected<ConfigMap, Ours>, _>(&ObjectKey::new("x", "bb")).is_none());
    assert!(view.serves::<Route, _>() && !view.serves::<Page, _>());
    let asked = view.into_lookups();
    assert_eq!(asked.len(), 6);
    let has_key = |object: ConfigMap| asked[0].query.matches(&object);
    assert!(has_key(labelled("b", "x", "web")) && !has_key(labelled("c", "x", "web")));
}

#[test]
fn what_is_built_into_kubernetes_is_not_optional() {
    use k8s_openapi::api::networking::v1::Ingress;
    let refused = |resource: &str| {
        Err(RegistryError::BuiltIn { controller: "declares", resource: resource.to_owned() })
    };
    assert_eq!(
        check::<(ConfigMap, Optional<Ingress>), ()>(),
        refused("ingresses.networking.k8s.io")
    );
    assert_eq!(check::<(), (Optional<Deployment>,)>(), refused("deployments.apps"));
    assert_eq!(check::<(), (Optional<Metadata<Namespace>>,)>(), refused("namespaces"));
    assert_eq!(
        check::<(Ingress, Optional<Route>), (Metadata<Namespace>, Optional<Metadata<Route>>)>(),
        Ok(())
    );
    for group in ["gateway.networking.k8s.io", "metrics.k8s.io", "k8s.io", "networking.example.com"]
    {
        assert!(
            !KindInfo { group: group.into(), ..KindInfo::of::<Ingress>() }.is_built_in(),
            "{group}"
        );
    }
}
