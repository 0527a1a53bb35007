//! A small operator for tests of the core: a `Page` owns a ConfigMap and, for some texts, a Route.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

use std::collections::HashMap;
use std::marker::PhantomData;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as Written;
use kube::{CustomResource, KubeSchema};
use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::{complete::ChildMetadata, owner::Owner};
use kubewright_core::kind::{Kinds, ReadKinds};
use kubewright_core::observed::{ApplyEntry, ControllerRef, ObservedChild};
use kubewright_core::{
    Children, Declaration, Invalid, KindInfo, Metadata, ObjectKey, Observed, Operator, Optional,
    Report, Sample, View, of,
};
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};

#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(
    group = "test.example.com",
    version = "v1",
    kind = "Page",
    namespaced,
    status = "PageStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct PageSpec {
    /// The text.
    pub text: String,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageStatus {
    pub observed_generation: Option<i64>,
    #[serde(default)]
    pub conditions: Vec<Written>,
    /// The number of characters.
    pub length: usize,
}

kubewright_core::status_fields!(PageStatus);

/// A kind with a CRD of another team.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(group = "other.example.com", version = "v1", kind = "Route", namespaced)]
pub struct RouteSpec {
    pub headers: HashMap<String, String>,
    #[schemars(schema_with = "anything")]
    pub rules: Value,
}

fn anything(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object" })
}

pub struct Pages;

/// The text decides what `build` returns.
impl Operator for Pages {
    const NAME: &'static str = "pages";
    type Resource = Page;
    type Owns = (ConfigMap, Optional<Route>);
    type Reads = (Metadata<Namespace>,);
    type Facts = usize;

    fn build(&self, page: &Page, view: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let _ = view.get(of::<Metadata<Namespace>>(), "ns");
        let mut config = ConfigMap::default();
        config.metadata.name.clone_from(&page.metadata.name);
        config.data = Some([("text".to_owned(), page.spec.text.clone())].into());
        let route = || Route::new("page", RouteSpec::default());
        let length = page.spec.text.len();
        let mut children = Children::new();
        match page.spec.text.as_str() {
            "bad" => return Err(Invalid::new("BadText", "write another text")),
            "forbidden" => {
                let why = Invalid::new("ForbiddenText", "write another text");
                return Ok(Children::withdrawn(why).with_facts(length));
            }
            "routed" => drop(children.add(config).add(route())),
            "group not owned" => {
                children.add(config);
                children.add_exclusive(of::<(Optional<Route>, Namespace)>(), route());
            }
            "not in group" => drop(children.add_exclusive(of::<(ConfigMap,)>(), route())),
            "two of a group" => {
                children.add(config);
                children.add_exclusive(of::<(ConfigMap, Route)>(), route());
            }
            "exclusive" => {
                children.add_exclusive(of::<(ConfigMap, Optional<Route>)>(), config);
            }
            _ => drop(children.add(config)),
        }
        Ok(children.with_facts(length))
    }

    fn report(
        &self,
        _: &Page,
        observed: &Observed<'_, Self>,
        length: &usize,
    ) -> Report<PageStatus> {
        Report::new(observed, PageStatus { length: *length, ..PageStatus::default() })
    }

    fn samples() -> Vec<Sample<Page>> {
        vec![Sample {
            name: "minimal",
            about: "a page",
            resource: Page::new("page", PageSpec { text: "hello".into() }),
        }]
    }
}

/// A declaration of these kinds, without an operator.
pub struct Declares<Owns, Reads>(PhantomData<fn() -> (Owns, Reads)>);

impl<Owns: Kinds, Reads: ReadKinds> Declaration for Declares<Owns, Reads> {
    type Owns = Owns;
    type Reads = Reads;
    type Facts = ();
}

pub const UID: &str = "uid-of-the-page";
pub const METADATA: ChildMetadata<'static> =
    ChildMetadata { controller: "pages", manager: "test-manager", sharded: false, adopts: false };

pub fn owner() -> Owner {
    Owner { kind: KindInfo::of::<Page>(), key: ObjectKey::new("ns", "page"), uid: UID.into() }
}

/// The complete objects of these children.
pub fn complete<Owns: Kinds>(children: Children<Declares<Owns, ()>>) -> Vec<Desired> {
    let children = children.into_content().unwrap().children.unwrap();
    METADATA.complete(&owner(), children).unwrap()
}

/// ConfigMaps with these names, as the engine applies them.
pub fn desired(names: &[&str]) -> Vec<Desired> {
    let mut children = Children::<Declares<(ConfigMap,), ()>>::new();
    for name in names {
        let mut config = ConfigMap::default();
        config.metadata.name = Some((*name).to_owned());
        config.data = Some([("key".to_owned(), "value".to_owned())].into());
        children.add(config);
    }
    complete(children)
}

/// The `fieldsV1` after an apply of `desired`. Lists of objects with a `name` or `uid` are maps;
/// other lists are atomic.
pub fn entry(desired: &Value) -> Value {
    let mut root = Map::new();
    for (name, value) in desired.as_object().unwrap() {
        match name.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                let mut metadata = value.clone();
                let fields = metadata.as_object_mut().unwrap();
                fields.remove("name");
                fields.remove("namespace");
                root.insert("f:metadata".into(), node(&metadata));
            }
            _ => drop(root.insert(format!("f:{name}"), node(value))),
        }
    }
    Value::Object(root)
}

fn node(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(k, v)| (format!("f:{k}"), node(v))).collect())
        }
        Value::Array(items) if !items.is_empty() => {
            let key = |item: &Value| ["name", "uid"].into_iter().find(|k| item.get(k).is_some());
            if !items.iter().all(|i| key(i).is_some()) {
                return json!({});
            }
            let keyed = |item: &Value| {
                let key = key(item).unwrap();
                let mut parts = node(item);
                parts.as_object_mut().unwrap().insert(".".into(), json!({}));
                (format!("k:{}", json!({ key: item[key] })), parts)
            };
            Value::Object(items.iter().map(keyed).collect())
        }
        _ => json!({}),
    }
}

/// `want` as a cache holds it right after our apply.
pub fn applied(want: &Desired) -> ObservedChild {
    let fields = to_raw_value(&entry(want.body())).unwrap();
    ObservedChild {
        key: want.key.clone(),
        uid: format!("uid-{}", want.key.name).into(),
        resource_version: 10,
        generation: None,
        deleting: false,
        controller: Some(
            ControllerRef {
                kind: "Page.test.example.com".into(),
                name: "page".into(),
                uid: UID.into(),
            }
            .into(),
        ),
        orphan_of: None,
        desired_hash: Some(want.hash()),
        template_hash: want.template_hash(),
        entry: ApplyEntry::Unverified {
            hash: kubewright_core::internals::hash::of(fields.get().as_bytes()),
            fields: fields.into(),
        },
        shared_entry: None,
        missing_label: None,
        status: None,
    }
}
