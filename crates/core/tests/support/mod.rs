//! A small operator to test the core with: a `Page` owns a ConfigMap and, perhaps, a Service.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

use std::collections::HashMap;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as Written;
use kube::{CustomResource, KubeSchema};
use kubewright_core::children::{Owner, Stamp};
use kubewright_core::desired::Desired;
use kubewright_core::observed::{ControllerRef, Entry, ObservedChild};
use kubewright_core::{
    Children, Invalid, KindInfo, Metadata, ObjectKey, Observed, Operator, Optional, Sample, View,
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
    /// What it says.
    pub text: String,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageStatus {
    pub observed_generation: Option<i64>,
    #[serde(default)]
    pub conditions: Vec<Written>,
}

/// Of somebody else, and not in every cluster.
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

impl Operator for Pages {
    const NAME: &'static str = "pages";
    type Resource = Page;
    type Owns = (ConfigMap, Optional<Route>);
    type Reads = (Metadata<Namespace>,);

    fn build(
        &self,
        page: &Page,
        view: &View<'_, Self::Reads>,
    ) -> Result<Children<Self::Owns>, Invalid> {
        if page.spec.text == "bad" {
            return Err(Invalid::new("BadText", "write another text"));
        }
        let _ = view.get::<Metadata<Namespace>, _>(&ObjectKey::cluster("ns"));
        let mut config = ConfigMap::default();
        config.metadata.name.clone_from(&page.metadata.name);
        config.data = Some([("text".to_owned(), page.spec.text.clone())].into());
        let mut children = Children::new().with(config);
        if page.spec.text == "routed" {
            children
                .add(Route::new("page", RouteSpec { headers: HashMap::new(), rules: json!({}) }));
        }
        if page.spec.text == "alone" {
            children.add_alone_among::<(Optional<Route>, Namespace), _, _>(Route::new(
                "page",
                RouteSpec::default(),
            ));
        }
        if page.spec.text == "misplaced" {
            children = Children::new();
            children
                .add_alone_among::<(ConfigMap,), _, _>(Route::new("page", RouteSpec::default()));
        }
        if page.spec.text == "chosen" {
            children = Children::new();
            let mut config = ConfigMap::default();
            config.metadata.name.clone_from(&page.metadata.name);
            children.add_alone_among::<(ConfigMap, Optional<Route>), _, _>(config);
        }
        Ok(children)
    }

    fn status(&self, _: &Page, _: &Observed<'_, Self::Owns>) -> PageStatus {
        PageStatus::default()
    }

    fn samples() -> Vec<Sample<Page>> {
        vec![Sample {
            name: "minimal",
            about: "a page",
            resource: Page::new("page", PageSpec { text: "hello".into() }),
        }]
    }
}

pub const UID: &str = "uid-of-the-page";
pub const STAMP: Stamp<'static> =
    Stamp { controller: "pages", manager: "test-manager", sharded: false };

pub fn owner() -> Owner {
    Owner { kind: KindInfo::of::<Page>(), key: ObjectKey::new("ns", "page"), uid: UID.into() }
}

/// ConfigMaps with these names, as the engine would apply them.
pub fn desired(names: &[&str]) -> Vec<Desired> {
    let mut children = Children::<(ConfigMap,)>::new();
    for name in names {
        let mut config = ConfigMap::default();
        config.metadata.name = Some((*name).to_owned());
        config.data = Some([("key".to_owned(), "value".to_owned())].into());
        children.add(config);
    }
    STAMP.all(&owner(), children.into_vec().unwrap()).unwrap()
}

/// The `fieldsV1` of an apply of `desired`: lists of objects with a `name` or `uid` are maps, other
/// lists are atomic.
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

/// `want` as the cluster has it right after our apply.
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
        desired_hash: Some(want.hash()),
        entry: Entry::Unverified {
            hash: kubewright_core::hash::of(fields.get().as_bytes()),
            fields: fields.into(),
        },
        status: None,
    }
}
