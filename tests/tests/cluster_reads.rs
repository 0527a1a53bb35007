//! A change of an object reconciles exactly the resources that looked it up, each once, on a real
//! control plane.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{CustomResource, CustomResourceExt, KubeSchema, ResourceExt};
use kubewright::{Children, Invalid, Metadata, Registry, Status, View, of};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tests::cluster::{Operator, SOON, Sandbox, condition, describe, eventually};

/// Number of Readers besides the marker.
const ALL: usize = 50;
/// A Reader, and the objects that it reads: their change shows that the operator has handled every
/// earlier event.
const MARKER: &str = "marker";

/// A resource without children whose operator looks things up.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(
    group = "reads.example.com",
    version = "v1",
    kind = "Reader",
    plural = "readers",
    namespaced,
    status = "Status"
)]
struct ReaderSpec {
    /// Look up the ConfigMap of this name.
    config: Option<String>,
    /// Look up the ConfigMaps with this label `host`.
    host: Option<String>,
    /// Look up the metadata of the Deployment of this name.
    deployment: Option<String>,
}

/// Number of builds, by resource.
type Builds = BTreeMap<String, u64>;

struct ReaderOperator(Arc<Mutex<Builds>>);

impl kubewright::Operator for ReaderOperator {
    const NAME: &'static str = "reader";
    type Resource = Reader;
    type Owns = ();
    type Reads = (ConfigMap, Metadata<Deployment>);
    type Facts = ();

    fn build(&self, reader: &Reader, view: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        *self.0.lock().unwrap().entry(reader.name_any()).or_default() += 1;
        let spec = &reader.spec;
        let _ = spec.config.as_deref().map(|name| view.get(of::<ConfigMap>(), name));
        let _ = spec.deployment.as_deref().map(|name| view.get(of::<Metadata<Deployment>>(), name));
        let namespace = reader.namespace();
        let list =
            |host: &str| view.list(of::<ConfigMap>(), namespace.as_deref(), &[("host", host)]);
        let _ = spec.host.as_deref().map(list);
        Ok(Children::new())
    }
}

/// A namespace with Readers and a running operator.
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
            sandbox.until_ready::<Reader>(&name).await;
        }
        until_settled(&sandbox, MARKER).await;
        operator.until_at_rest().await;
        Self { sandbox, operator, builds }
    }

    fn builds(&self) -> Builds {
        self.builds.lock().unwrap().clone()
    }

    /// Waits until `change` has reconciled the marker.
    async fn mark(&self, change: impl Future) {
        let before = self.builds()[MARKER];
        change.await;
        let is_built = async || {
            if self.builds()[MARKER] > before {
                Ok(())
            } else {
                Err(format!("{:?}", self.builds()))
            }
        };
        eventually(SOON, "the marker is built again", is_built).await;
    }

    /// The resources that `change` reconciles, with the number of runs.
    async fn reconciled_by<T>(&self, change: impl Future<Output = T>) -> Builds {
        let (counted, before) =
            (self.operator.until_idle().await.reconciles("reader"), self.builds());
        change.await;
        // Events of one kind arrive in order; each of the two kinds has its own watch.
        let touch =
            json!({ "metadata": { "annotations": { "touched": before[MARKER].to_string() } } });
        self.mark(self.sandbox.merge::<ConfigMap>(MARKER, touch.clone())).await;
        self.mark(self.sandbox.merge::<Deployment>(MARKER, touch)).await;
        let (after, now) = (self.operator.until_idle().await.reconciles("reader"), self.builds());
        let mut runs: Builds =
            now.into_iter().map(|(name, builds)| (name.clone(), builds - before[&name])).collect();
        assert_eq!(
            after - counted,
            runs.values().sum::<u64>(),
            "a reconcile without a build: {runs:?}"
        );
        assert_eq!(runs.remove(MARKER), Some(2));
        runs.retain(|_, builds| *builds > 0);
        runs
    }
}

/// Waits until the controller of the Deployment has updated its status.
async fn until_settled(sandbox: &Sandbox, name: &str) {
    let is_settled = |now: &Deployment| {
        let status = now.status.clone().unwrap_or_default();
        let annotated = now.annotations().contains_key("deployment.kubernetes.io/revision");
        annotated
            && status.observed_generation == now.metadata.generation
            && condition(now, "Available").is_true()
    };
    sandbox.until(name, "has a status from its controller", is_settled).await;
}

fn once(names: &[&str]) -> Builds {
    names.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_object_reconciles_exactly_the_resources_that_looked_it_up() {
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
        readers.reconciled_by(sandbox.create(&config("config-7", &json!({})))).await,
        once(&["reader-7"]),
        "an object is created"
    );
    let change = sandbox.merge::<ConfigMap>("config-7", data("2"));
    assert_eq!(readers.reconciled_by(change).await, once(&["reader-7"]), "an object changes");
    assert_eq!(
        readers.reconciled_by(sandbox.create(&config("other", &json!({})))).await,
        once(&[]),
        "an object without readers"
    );

    assert_eq!(
        readers.reconciled_by(sandbox.merge::<ConfigMap>("other", host(3))).await,
        once(&["reader-3"]),
        "an object enters a list"
    );
    assert_eq!(
        readers.reconciled_by(sandbox.merge::<ConfigMap>("other", data("2"))).await,
        once(&["reader-3"]),
        "an object in a list changes"
    );
    let change = sandbox.merge::<ConfigMap>("other", host(4));
    assert_eq!(
        readers.reconciled_by(change).await,
        once(&["reader-3", "reader-4"]),
        "an object moves to another list"
    );
    let change = sandbox.merge::<ConfigMap>("config-7", host(4));
    assert_eq!(
        readers.reconciled_by(change).await,
        once(&["reader-4", "reader-7"]),
        "an object with two kinds of look-ups"
    );
    assert_eq!(
        readers.reconciled_by(sandbox.delete::<ConfigMap>("other")).await,
        once(&["reader-4"]),
        "an object is deleted"
    );

    // Another manager applies the same value: only managedFields changes, which no operator reads.
    let before: ConfigMap = sandbox.get("config-7").await;
    let same = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "config-7" },
        "data": { "key": "2" },
    });
    assert_eq!(
        readers.reconciled_by(sandbox.apply::<ConfigMap>("config-7", same)).await,
        once(&[]),
        "only managedFields changes"
    );
    let after: ConfigMap = sandbox.get("config-7").await;
    assert_ne!(
        before.resource_version(),
        after.resource_version(),
        "the object was not written: {}",
        describe(&after)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_spec_or_status_does_not_reconcile_a_reader_of_metadata() {
    let of_web = ReaderSpec { deployment: Some("web".into()), ..ReaderSpec::default() };
    let readers = Readers::new("metadata", vec![("reader".into(), of_web)]).await;
    let sandbox = &readers.sandbox;
    sandbox.create(&deployment("web")).await;
    until_settled(sandbox, "web").await;
    readers.operator.until_at_rest().await;

    let scaled = async {
        let before: Deployment = sandbox.merge("web", json!({ "spec": { "replicas": 1 } })).await;
        let has_pod =
            |now: &Deployment| now.status.as_ref().and_then(|status| status.replicas) == Some(1);
        let after: Deployment = sandbox.until("web", "has a Pod", has_pod).await;
        assert_eq!(before.metadata.generation, after.metadata.generation);
        until_settled(sandbox, "web").await;
    };
    assert_eq!(readers.reconciled_by(scaled).await, once(&[]));
    let labelled =
        sandbox.merge::<Deployment>("web", json!({ "metadata": { "labels": { "a": "b" } } }));
    assert_eq!(readers.reconciled_by(labelled).await, once(&["reader"]));
}
