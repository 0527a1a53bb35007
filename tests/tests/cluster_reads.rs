//! Who is woken when something changes that operators look up, on a real control plane: exactly
//! those who looked, each once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as Written;
use kube::{CustomResource, CustomResourceExt, KubeSchema, ResourceExt};
use kubewright::{Children, Invalid, Metadata, ObjectKey, Observed, Registry, Sample, View};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tests::cluster::{Operator, SOON, Sandbox, condition, eventually, seen};

/// Readers beside the markers.
const ALL: usize = 50;
/// A reader, and the object that it reads, whose change shows that everything before it was seen.
const MARKER: &str = "marker";

/// A resource that makes nothing, and looks things up.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(
    group = "reads.example.com",
    version = "v1",
    kind = "Reader",
    plural = "readers",
    namespaced,
    status = "ReaderStatus"
)]
struct ReaderSpec {
    /// The name of a ConfigMap.
    config: Option<String>,
    /// The value of the label `host` of ConfigMaps.
    host: Option<String>,
    /// The name of a Deployment, of which only the metadata is read.
    deployment: Option<String>,
}

#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
struct ReaderStatus {
    observed_generation: Option<i64>,
    #[serde(default)]
    conditions: Vec<Written>,
}

/// How often `build` ran, by resource.
type Builds = BTreeMap<String, u64>;

struct ReaderOperator(Arc<Mutex<Builds>>);

impl kubewright::Operator for ReaderOperator {
    const NAME: &'static str = "reader";
    type Resource = Reader;
    type Owns = ();
    type Reads = (ConfigMap, Metadata<Deployment>);

    fn build(
        &self,
        reader: &Reader,
        view: &View<'_, Self::Reads>,
    ) -> Result<Children<()>, Invalid> {
        *self.0.lock().unwrap().entry(reader.name_any()).or_default() += 1;
        let namespace = reader.namespace().unwrap_or_default();
        let key = |name: &String| ObjectKey::new(&*namespace, &**name);
        let _ = reader.spec.config.as_ref().map(|name| view.get::<ConfigMap, _>(&key(name)));
        let _ = reader
            .spec
            .deployment
            .as_ref()
            .map(|name| view.get::<Metadata<Deployment>, _>(&key(name)));
        let _ = reader
            .spec
            .host
            .as_ref()
            .map(|host| view.list::<ConfigMap, _>(Some(&namespace), &[("host", host)]));
        Ok(Children::new())
    }

    fn status(&self, _: &Reader, _: &Observed<'_, ()>) -> ReaderStatus {
        ReaderStatus::default()
    }

    fn samples() -> Vec<Sample<Reader>> {
        Vec::new()
    }
}

/// A namespace with readers at work, at rest.
struct Readers {
    sandbox: Sandbox,
    operator: Operator,
    builds: Arc<Mutex<Builds>>,
}

fn config(name: &str, labels: &Value) -> ConfigMap {
    serde_json::from_value(
        json!({ "metadata": { "name": name, "labels": labels }, "data": { "key": "1" } }),
    )
    .unwrap()
}

fn deployment(name: &str) -> Deployment {
    serde_json::from_value(json!({
        "metadata": { "name": name },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "web", "image": "nginx" }] },
            },
        },
    }))
    .unwrap()
}

impl Readers {
    async fn new(about: &str, specs: Vec<(String, ReaderSpec)>) -> Self {
        let sandbox = Sandbox::new(about).await;
        sandbox.cluster().install(&[Reader::crd()]).await;
        let builds = Arc::<Mutex<Builds>>::default();
        let registry = Registry::new("reader-operator").with(ReaderOperator(Arc::clone(&builds)));
        let operator =
            Operator::start(&registry, sandbox.cluster().kubeconfig(), &[sandbox.namespace()])
                .await;
        sandbox.create(&config(MARKER, &json!({}))).await;
        sandbox.create(&deployment(MARKER)).await;
        let marker =
            ReaderSpec { config: Some(MARKER.into()), deployment: Some(MARKER.into()), host: None };
        let names: Vec<String> = specs.iter().map(|(name, _)| name.clone()).collect();
        for (name, spec) in specs.into_iter().chain([(MARKER.to_owned(), marker)]) {
            sandbox.create(&Reader::new(&name, spec)).await;
        }
        for name in names {
            sandbox.ready::<Reader>(&name).await;
        }
        settled(&sandbox, MARKER).await;
        operator.at_rest().await;
        Self { sandbox, operator, builds }
    }

    fn builds(&self) -> Builds {
        self.builds.lock().unwrap().clone()
    }

    /// Waits until the marker's reader ran again.
    async fn marked(&self, change: impl Future) {
        let before = self.builds()[MARKER];
        change.await;
        let ran = async || {
            if self.builds()[MARKER] > before {
                Ok(())
            } else {
                Err(format!("{:?}", self.builds()))
            }
        };
        eventually(SOON, "the marker's reader ran", ran).await;
    }

    /// Who runs because of `change`, and how often.
    async fn woken<T>(&self, change: impl Future<Output = T>) -> Builds {
        let (counted, before) = (self.operator.idle().await.reconciles("reader"), self.builds());
        change.await;
        // Events of one kind come in order; the two kinds have a watch each.
        let touch =
            json!({ "metadata": { "annotations": { "touched": before[MARKER].to_string() } } });
        self.marked(self.sandbox.merge::<ConfigMap>(MARKER, touch.clone())).await;
        self.marked(self.sandbox.merge::<Deployment>(MARKER, touch)).await;
        let (after, now) = (self.operator.idle().await.reconciles("reader"), self.builds());
        let mut woken: Builds =
            now.into_iter().map(|(name, builds)| (name.clone(), builds - before[&name])).collect();
        assert_eq!(after - counted, woken.values().sum::<u64>(), "every run is a build: {woken:?}");
        assert_eq!(woken.remove(MARKER), Some(2));
        woken.retain(|_, builds| *builds > 0);
        woken
    }
}

/// Waits until the Deployment's controller has had its say.
async fn settled(sandbox: &Sandbox, name: &str) {
    let is_seen = |now: &Deployment| {
        let status = now.status.clone().unwrap_or_default();
        let annotated = now.annotations().contains_key("deployment.kubernetes.io/revision");
        annotated
            && status.observed_generation == now.metadata.generation
            && condition(now, "Available").holds()
    };
    sandbox.until(name, "was seen by its controller", is_seen).await;
}

fn once(names: &[&str]) -> Builds {
    names.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_look_things_up_exactly_those_run_who_looked_at_what_changed() {
    let own = |number: usize| ReaderSpec {
        config: Some(format!("config-{number}")),
        host: Some(format!("host-{number}")),
        deployment: None,
    };
    let readers = Readers::new(
        "reads",
        (0..ALL).map(|number| (format!("reader-{number}"), own(number))).collect(),
    )
    .await;
    let sandbox = &readers.sandbox;
    let data = |value: &str| json!({ "data": { "key": value } });
    let host =
        |number: usize| json!({ "metadata": { "labels": { "host": format!("host-{number}") } } });

    assert_eq!(
        readers.woken(sandbox.create(&config("config-7", &json!({})))).await,
        once(&["reader-7"]),
        "it is made"
    );
    let change = sandbox.merge::<ConfigMap>("config-7", data("2"));
    assert_eq!(readers.woken(change).await, once(&["reader-7"]), "it changes");
    assert_eq!(
        readers.woken(sandbox.create(&config("other", &json!({})))).await,
        once(&[]),
        "nobody looks at it"
    );

    assert_eq!(
        readers.woken(sandbox.merge::<ConfigMap>("other", host(3))).await,
        once(&["reader-3"]),
        "it enters a list"
    );
    assert_eq!(
        readers.woken(sandbox.merge::<ConfigMap>("other", data("2"))).await,
        once(&["reader-3"]),
        "it changes in it"
    );
    let change = sandbox.merge::<ConfigMap>("other", host(4));
    assert_eq!(
        readers.woken(change).await,
        once(&["reader-3", "reader-4"]),
        "it goes to another list"
    );
    let change = sandbox.merge::<ConfigMap>("config-7", host(4));
    assert_eq!(
        readers.woken(change).await,
        once(&["reader-4", "reader-7"]),
        "it is looked at in two ways"
    );
    assert_eq!(
        readers.woken(sandbox.delete::<ConfigMap>("other")).await,
        once(&["reader-4"]),
        "it goes"
    );

    // The same value as another manager: the API server writes that down, and nobody can see it.
    let before: ConfigMap = sandbox.get("config-7").await;
    let same = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "config-7" }, "data": { "key": "2" } });
    assert_eq!(
        readers.woken(sandbox.apply::<ConfigMap>("config-7", same)).await,
        once(&[]),
        "only managedFields changed"
    );
    let after: ConfigMap = sandbox.get("config-7").await;
    assert_ne!(
        before.resource_version(),
        after.resource_version(),
        "it was written: {}",
        seen(&after)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_metadata_alone_does_not_run_for_spec_and_status() {
    let of_web = ReaderSpec { deployment: Some("web".into()), ..ReaderSpec::default() };
    let readers = Readers::new("metadata", vec![("reader".into(), of_web)]).await;
    let sandbox = &readers.sandbox;
    sandbox.create(&deployment("web")).await;
    settled(sandbox, "web").await;
    readers.operator.at_rest().await;

    let scaled = async {
        let before: Deployment = sandbox.merge("web", json!({ "spec": { "replicas": 1 } })).await;
        let has_pod =
            |now: &Deployment| now.status.as_ref().and_then(|status| status.replicas) == Some(1);
        let after: Deployment = sandbox.until("web", "has a Pod", has_pod).await;
        assert_eq!(before.metadata.generation, after.metadata.generation);
        settled(sandbox, "web").await;
    };
    assert_eq!(readers.woken(scaled).await, once(&[]));
    let labelled =
        sandbox.merge::<Deployment>("web", json!({ "metadata": { "labels": { "a": "b" } } }));
    assert_eq!(readers.woken(labelled).await, once(&["reader"]));
}
