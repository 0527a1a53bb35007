//! What the core promises to operators and to the engine: complete children, controllers of any
//! type, checks of the registry.
#![allow(clippy::unwrap_used)]

mod support;

use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kubewright_core::controller::{Built, Controller, ManagedBy, Observation};
use kubewright_core::expiry::{Expired, Expires};
use kubewright_core::internals::child::{Child, ChildError};
use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::plan::{Existing, Step, plan};
use kubewright_core::internals::shard;
use kubewright_core::kind::{Kinds, ReadKinds};
use kubewright_core::observed::{ApplyEntry, Hashes};
use kubewright_core::selected::Labels;
use kubewright_core::view::Query;
use kubewright_core::withdraw::Withdraw;
use kubewright_core::{
    Children, FakeCluster, Index, Invalid, KindInfo, Metadata, ObjectKey, Operator, Optional,
    Ordered, Rank, Readiness, Registry, RegistryError, Selected, Selector, Served, Timestamp, View,
    labels, of,
};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use support::{
    Declares, METADATA, Page, Pages, Route, RouteSpec, UID, applied, desired, entry, owner,
};

fn pages() -> Arc<dyn Controller> {
    Arc::clone(&Registry::new("test-manager").with(Pages).controllers()[0])
}

fn page(controller: &dyn Controller, text: &str) -> Arc<dyn kubewright_core::kind::AnyObject> {
    let page = json!({ "apiVersion": "test.example.com/v1", "kind": "Page",
        "metadata": { "name": "page", "namespace": "ns", "uid": UID }, "spec": { "text": text } });
    controller.decode(page.to_string().as_bytes()).unwrap()
}

fn build(text: &str) -> Result<Built, ChildError> {
    let pages = pages();
    pages.build("test-manager".into(), &*page(&*pages, text), &FakeCluster::empty())
}

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
fn the_hash_depends_on_the_desired_object_alone() {
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
    let error = |children: Vec<Child>| METADATA.complete(&owner(), children).unwrap_err();
    let children = |items: Vec<ConfigMap>| {
        let mut children = Children::<Declares<(ConfigMap,), ()>>::new();
        for item in items {
            children.add(item);
        }
        children.into_content().unwrap().children.unwrap()
    };
    assert!(matches!(error(children(vec![config(None, None)])), ChildError::Unnamed(_)));
    let elsewhere = children(vec![config(Some("a"), Some("elsewhere"))]);
    assert!(matches!(error(elsewhere), ChildError::OtherNamespace { .. }));
    let twice = children(vec![config(Some("a"), None), config(Some("a"), None)]);
    assert!(matches!(error(twice), ChildError::Twice(..)));
    let cluster = |namespace| {
        let children = Children::<Declares<(Namespace,), ()>>::new().with(namespace);
        error(children.into_content().unwrap().children.unwrap())
    };
    assert!(matches!(cluster(Namespace::default()), ChildError::Unnamed(_)));
    let mut named = Namespace::default();
    named.metadata.name = Some("n".into());
    assert!(cluster(named).to_string().contains("cluster-scoped"));
}

#[test]
fn a_controller_builds_from_json_and_records_the_look_ups() {
    let registry = Registry::new("test-manager").with(Pages);
    registry.check().unwrap();
    assert!(registry.controller_of("test.example.com/v1", "Page").is_some());
    let built = build("hello").unwrap();
    assert_eq!(built.children.unwrap()[0].body()["data"]["text"], "hello");
    assert_eq!(built.lookups[0].query, Query::Get(ObjectKey::cluster("ns")));
}

#[test]
fn children_carry_the_shard_label_only_in_a_sharded_program() {
    let (pages, cluster) = (pages(), FakeCluster::empty());
    let labels = |sharded| {
        let program = ManagedBy { manager: "test-manager", sharded };
        let built = pages.build(program, &*page(&*pages, "hello"), &cluster).unwrap();
        built.children.unwrap()[0].body()["metadata"]["labels"].clone()
    };
    let (unsharded, mut sharded) = (labels(false), labels(true));
    let bucket = sharded.as_object_mut().unwrap().remove("kubewright.dev/shard");
    assert_eq!(bucket, Some(shard::bucket(UID).into()));
    assert_eq!(sharded, unsharded);
}

#[test]
fn an_invalid_resource_records_the_look_ups_before_the_error() {
    let built = build("bad").unwrap();
    let queries: Vec<_> = built.lookups.iter().map(|lookup| &lookup.query).collect();
    assert_eq!(queries, [&Query::Get(ObjectKey::cluster("ns"))]);
    let invalid = built.children.unwrap_err();
    assert_eq!((invalid.reason(), invalid.message()), ("BadText", "write another text"));
    assert_eq!(built.withdraw, Withdraw::Never, "an error keeps the existing objects");
}

#[test]
fn a_withdrawn_resource_has_a_reason_facts_and_no_objects() {
    let built = build("forbidden").unwrap();
    assert_eq!(built.withdraw, Withdraw::AfterEdit);
    assert_eq!(built.children.as_ref().unwrap_err().reason(), "ForbiddenText");
    assert_eq!(reported(&built).status["length"], "forbidden".len());
}

/// The report of `pages` without children.
fn reported(built: &Built) -> kubewright_core::Report<Value> {
    let readiness = Readiness::Progressing("Progressing", "why".into());
    let (pages, children) = (pages(), &[]);
    let observation = Observation { children, facts: &built.facts, readiness: &readiness };
    let report = pages.report(&*page(&*pages, "any"), observation).unwrap();
    assert_eq!(report.readiness, readiness, "the operator left it as it was");
    report
}

#[test]
fn facts_go_from_build_to_report_and_equal_facts_have_equal_hashes() {
    let (hello, world, other) = (build("hello").unwrap(), build("world").unwrap(), build("a"));
    assert_eq!(hello.facts.hash(), world.facts.hash());
    assert_ne!(hello.facts.hash(), other.unwrap().facts.hash());
    assert_eq!(reported(&hello).status, json!({ "length": 5 }), "without the engine's fields");
    assert_eq!(reported(&build("bad").unwrap()).status["length"], 0, "the default of the facts");
}

#[test]
fn an_expired_resource_has_a_reason_and_keeps_its_children() {
    let mut children = Children::<Declares<(ConfigMap, Expires), ()>>::new();
    children.add(config(Some("a"), None)).expire("Expired", "it ended");
    let parts = children.into_content().unwrap();
    let expected = Expired { reason: "Expired", message: "it ended".to_owned() };
    assert_eq!((parts.expired, parts.children.unwrap().len()), (Some(expected), 1));
    assert!(<(ConfigMap, Expires)>::expire() && !<(ConfigMap,)>::expire());
    assert_eq!(<(ConfigMap, Expires)>::owned().len(), 1);
}

#[test]
fn an_exclusive_group_contains_its_own_kind_and_owned_kinds_and_one_object_is_returned() {
    let error = build("two of a group").unwrap_err();
    assert_eq!(
        error.to_string(),
        "Route ns/page and ConfigMap ns/page are in one exclusive group; return only one of them"
    );
    let error = build("group not owned").unwrap_err();
    assert!(
        matches!(&error, ChildError::GroupNotOwned(_, kind) if kind == "namespaces"),
        "{error}"
    );
    let error = build("not in group").unwrap_err();
    assert!(
        matches!(&error, ChildError::NotInGroup(name) if **name == *"Route ns/page"),
        "{error}"
    );
    // If the whole kind disappears, then no event of the awaited object shows that.
    let lookups = build("exclusive").unwrap().lookups;
    let asks = |kind: &str| {
        lookups.iter().any(|lookup| lookup.kind.kind == kind && lookup.query == Query::Served)
    };
    assert!(asks("Route"), "{lookups:?}");
}

#[test]
fn a_registry_that_cannot_work_is_rejected_with_the_reason() {
    assert_eq!(Registry::new("Not A Label").check(), Err(RegistryError::Name("Not A Label")));
    assert_eq!(
        Registry::new("m").with(Pages).with(Pages).check(),
        Err(RegistryError::SameName("pages"))
    );
    let unknown = Registry::new("m").with(Pages).only(&["nope".to_owned()]).unwrap_err();
    assert_eq!(unknown.to_string(), "there is no controller \"nope\"; the controllers are: pages");
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
    let route = Route::new("web", RouteSpec { headers, rules });
    let children = Children::<Declares<(Route,), ()>>::new().with(route).into_content()?;
    Ok(METADATA.complete(&owner(), children.children.unwrap())?.remove(0))
}

#[test]
fn the_hash_does_not_depend_on_the_order_in_which_fields_come() {
    // Each HashMap has an order of its own.
    let (one, other) = (route(json!({})).unwrap(), route(json!({})).unwrap());
    assert_ne!(one.fingerprint(), other.fingerprint(), "both have the same order by chance");
    assert_eq!(one.hash(), other.hash());
    let fields = to_raw_value(&entry(one.body())).unwrap();
    let mut have = applied(&one);
    have.entry =
        ApplyEntry::Unverified { hash: 1, fields: fields.into() }.verified(Hashes::of(&one));
    let existing = Existing { kind: &other.kind, child: &have };
    let plan = plan(UID, std::slice::from_ref(&other), &[existing], |_| true);
    assert_eq!(
        plan.steps,
        [Step::Keep { verified: true }],
        "compared by the lasting hash, and nothing to write"
    );
}

#[test]
fn an_object_that_is_nested_too_deeply_to_be_read_is_a_defect() {
    let nested = |depth| {
        (0..depth).fold(json!({ "text": "{[\"{" }), |inner, _| json!({ "a": [1, "}", inner] }))
    };
    // Two levels for each step, one for the innermost object, two for the object and its spec.
    let deepest = |depth| route(nested(depth));
    assert_eq!(deepest(62).unwrap().body()["kind"], "Route");
    assert!(matches!(deepest(63), Err(ChildError::TooDeep(kind)) if &*kind == "Route"));
    let wide = json!(vec![json!({ "a": [{}, {}] }); 1000]);
    assert_eq!(route(wide).unwrap().body()["kind"], "Route", "many objects are not deep");
}

/// An operator for `Page` that declares these kinds.
struct Declaring<Owns, Reads>(PhantomData<fn() -> (Owns, Reads)>);

impl<Owns: Kinds, Reads: ReadKinds> Operator for Declaring<Owns, Reads> {
    const NAME: &'static str = "declares";
    type Resource = Page;
    type Owns = Owns;
    type Reads = Reads;
    type Facts = ();

    fn build(&self, _: &Page, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        Ok(Children::new())
    }
}

fn check<Owns: Kinds, Reads: ReadKinds>() -> Result<(), RegistryError> {
    Registry::new("test").with(Declaring::<Owns, Reads>(PhantomData)).check()
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
fn served_needs_an_owned_optional_kind() {
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
fn a_child_of_an_optional_kind_records_a_look_up_of_whether_it_is_served() {
    let served = |text: &str| {
        let lookups = build(text).unwrap().lookups.into_iter();
        let served = lookups.filter(|lookup| lookup.query == Query::Served);
        served.map(|lookup| lookup.kind.resource()).collect::<Vec<_>>()
    };
    assert_eq!(served("hello"), [""; 0], "every cluster serves ConfigMaps");
    assert_eq!(served("routed"), ["routes.other.example.com"]);
}

#[test]
fn each_definition_is_unique_and_some_operator_reads_it() {
    let registry = || Registry::new("test").with(Declaring::<(ConfigMap,), (Route,)>(PhantomData));
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
        "no remaining operator reads it"
    );
}

/// ConfigMaps with the label.
struct Ours;

impl Selector for Ours {
    const LABELS: Labels = &[("app", "web")];
}

/// The first letter of the name.
struct ByLetter;

impl Index for ByLetter {
    type Of = Selected<ConfigMap, Ours>;
    fn keys(config: &ConfigMap) -> Vec<String> {
        config.metadata.name.iter().map(|name| name.chars().take(1).collect()).collect()
    }
}

#[test]
fn a_view_finds_selected_objects_indexed_objects_and_served_kinds() {
    type Reads = (ConfigMap, Selected<ConfigMap, Ours>, Served<Route>, Served<Page>);
    let labelled = |name: &str, namespace: &str, app: &str| {
        let mut config = config(Some(name), Some(namespace));
        config.metadata.labels = Some([("app".to_owned(), app.to_owned())].into());
        config
    };
    let mut cluster = FakeCluster::empty().serving::<Route>();
    for (name, namespace, app) in
        [("b", "y", "web"), ("ba", "x", "web"), ("c", "x", "web"), ("bb", "x", "other")]
    {
        cluster = cluster.with_as::<Selected<ConfigMap, Ours>>(labelled(name, namespace, app));
    }
    let resource = ObjectMeta { namespace: Some("x".to_owned()), ..ObjectMeta::default() };
    let view = View::<Declares<(), Reads>>::new(&cluster, &resource);
    let names = |found: Vec<Arc<ConfigMap>>| {
        found.iter().map(|c| ObjectKey::of(&c.metadata).to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(view.list_by(of::<ByLetter>(), "b")), ["x/ba", "y/b"]);
    let selected = of::<Selected<ConfigMap, Ours>>;
    assert_eq!(names(view.list(selected(), Some("x"), &[])), ["x/ba", "x/c"]);
    assert_eq!(names(view.list(of::<ConfigMap>(), None, &[])), [""; 0], "another entry");
    assert!(view.get(selected(), "bb").is_none(), "it does not have the label");
    assert!(view.get(selected(), "ba").is_some(), "in the namespace of the resource");
    assert!(view.get(selected(), "b").is_none() && view.get(selected(), y("b")).is_some());
    assert!(view.serves(of::<Route>()) && !view.serves(of::<Page>()));
    let lookups = view.into_lookups();
    assert_eq!(lookups.len(), 9);
    let has_key = |object: ConfigMap| lookups[0].query.matches(&object);
    assert!(has_key(labelled("b", "x", "web")) && !has_key(labelled("c", "x", "web")));
}

/// The number after the first letter, the highest first.
impl Ordered for ByLetter {
    fn rank(config: &ConfigMap) -> Rank {
        let name = config.metadata.name.as_deref().unwrap_or_default();
        Rank::lowest(-name[1..].parse::<i64>().unwrap_or_default())
    }
}

#[test]
fn a_view_finds_the_first_objects_of_a_cluster_without_an_index() {
    type Reads = (Selected<ConfigMap, Ours>,);
    let mut cluster = FakeCluster::empty();
    for (name, namespace) in [("b7", "x"), ("b9", "x"), ("b9", "a"), ("c99", "x"), ("b8", "x")] {
        cluster = cluster.with_as::<Selected<ConfigMap, Ours>>(ours(name, namespace));
    }
    let view = View::<Declares<(), Reads>>::new(&cluster, &ObjectMeta::default());
    let mut looked_at = Vec::new();
    let found = view.first(of::<ByLetter>(), "b", |config| {
        looked_at.push(ObjectKey::of(&config.metadata).to_string());
        config.metadata.name.as_deref() == Some("b8")
    });
    assert_eq!(found.unwrap().metadata.name.as_deref(), Some("b8"));
    assert_eq!(looked_at, ["a/b9", "x/b9", "x/b8"]);
    assert!(view.first(of::<ByLetter>(), "d", |_| true).is_none());
    let is_among =
        |name: &str, most| view.is_among_first(of::<ByLetter>(), "b", most, &ours(name, "x"));
    assert_eq!([1, 2, 3].map(|most| is_among("b9", most)), [false, true, true]);
    assert_eq!([0, 4, 5].map(|most| is_among("b6", most)), [false, false, true]);
    assert!(is_among("b10", 1));

    let lookups = view.into_lookups();
    let matches = |lookup: usize, name| lookups[lookup].query.matches(&ours(name, "x"));
    assert_eq!(["b9", "b8", "b7", "c9"].map(|name| matches(0, name)), [true, true, false, false]);
    assert!(matches(1, "d1"), "it would be the first one");
    assert_eq!(
        ["b10", "b9", "b8", "c10"].map(|name| matches(2, name)),
        [true, false, false, false]
    );
}

fn ours(name: &str, namespace: &str) -> ConfigMap {
    let mut config = config(Some(name), Some(namespace));
    config.metadata.labels = Some([("app".to_owned(), "web".to_owned())].into());
    config
}

#[test]
fn ranks_are_compared_part_by_part() {
    let meta = |second: i64, uid: &str| ObjectMeta {
        creation_timestamp: Some(Time(Timestamp::from_second(second).unwrap())),
        uid: Some(uid.to_owned()),
        ..ObjectMeta::default()
    };
    let rank = |fits, second, uid| Rank::first_if(fits).then(Rank::oldest(&meta(second, uid)));
    let mut ranks = [
        rank(false, 1, "a"),
        rank(true, 2, "b"),
        rank(true, 2, "a"),
        rank(true, 10, "a"),
        Rank::first_if(true).then(Rank::oldest(&ObjectMeta::default())),
    ];
    let expected = [4, 2, 1, 3, 0].map(|index: usize| ranks[index].clone());
    ranks.sort();
    assert_eq!(ranks, expected);
}

fn y(name: &str) -> ObjectKey {
    ObjectKey::new("y", name)
}

#[test]
#[should_panic(expected = "ConfigMap a has no namespace, because the resource is cluster-scoped")]
fn a_bare_name_of_a_namespaced_object_needs_a_namespaced_resource() {
    let cluster = FakeCluster::empty();
    let view = View::<Declares<(), (ConfigMap,)>>::new(&cluster, &ObjectMeta::default());
    let _ = view.get(of::<ConfigMap>(), "a");
}

#[test]
fn a_moment_is_past_by_the_time_of_the_source_and_is_recorded() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let (cluster, offline) = (FakeCluster::empty().at(at(10)), FakeCluster::empty());
    let view = View::<Declares<(), ()>>::new(&cluster, &ObjectMeta::default());
    assert!(view.is_past(at(10)) && !view.is_past(at(11)));
    assert_eq!(
        (view.asked_times().latest_past, view.asked_times().earliest_future),
        (Some(at(10)), Some(at(11)))
    );
    assert_eq!(view.now(), Some(at(10)));
    let view = View::<Declares<(), ()>>::new(&offline, &ObjectMeta::default());
    assert!(!view.is_past(at(0)) && view.now().is_none());
}

#[test]
fn a_kind_that_is_built_into_kubernetes_cannot_be_optional() {
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
