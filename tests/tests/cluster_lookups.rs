//! Look-ups of `build` other than objects and lists, on a real control plane: whether a kind is
//! served, keys of an index, the first of an order, the operator's own kind, and selections by
//! labels. A change reconciles
//! exactly the resources that looked it up.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams};
use kube::{CustomResource, CustomResourceExt, KubeSchema, ResourceExt};
use kubewright::selected::Labels;
use kubewright::{
    Children, Index, Invalid, Optional, Ordered, Rank, Registry, Selected, Selector, Served,
    Status, View, of,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tests::cluster::{Operator, Sandbox, describe, eventually};

/// Number of Seekers with a key of their own.
const ALL: usize = 30;

/// A resource whose operator looks things up.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(
    group = "lookups.example.com",
    version = "v1",
    kind = "Seeker",
    plural = "seekers",
    namespaced,
    status = "Status"
)]
#[serde(rename_all = "camelCase")]
struct SeekerSpec {
    /// Look up the Seekers with this host.
    host: Option<String>,
    /// Look up whether Gadget is served.
    #[serde(default)]
    asks: bool,
    /// Create a Gadget, without a look-up.
    #[serde(default)]
    wants: bool,
    /// Look up the open Services.
    #[serde(default)]
    counts: bool,
    /// Look up the first Seeker of this line, and whether this Seeker is one of the first two.
    line: Option<String>,
}

/// A Seeker with the fields that other Seekers read.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(
    group = "lookups.example.com",
    version = "v1",
    kind = "Seeker",
    plural = "seekers",
    namespaced,
    root = "Claim",
    schema = "disabled"
)]
struct ClaimSpec {
    host: Option<String>,
    line: Option<String>,
}

struct ByHost;

impl Index for ByHost {
    type Of = Claim;
    fn keys(claim: &Claim) -> Vec<String> {
        claim.spec.host.iter().cloned().collect()
    }
}

/// Seekers in the order of their names.
struct ByLine;

impl Index for ByLine {
    type Of = Claim;
    fn keys(claim: &Claim) -> Vec<String> {
        claim.spec.line.iter().cloned().collect()
    }
}

impl Ordered for ByLine {
    fn rank(_: &Claim) -> Rank {
        Rank::default()
    }
}

/// A Service with a part of its fields.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(
    group = "",
    version = "v1",
    kind = "Service",
    plural = "services",
    namespaced,
    root = "Shop",
    schema = "disabled"
)]
struct ShopSpec {
    #[serde(default)]
    selector: BTreeMap<String, String>,
}

struct Open;

impl Selector for Open {
    const LABELS: Labels = &[("lookups.example.com/open", "yes")];
}

type OpenShops = Selected<Shop, Open>;

/// A foreign kind whose CRD is installed and removed.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(
    group = "lookups.example.com",
    version = "v1",
    kind = "Gadget",
    plural = "gadgets",
    namespaced
)]
struct GadgetSpec {}

/// Number of builds and the last results of their look-ups, by resource.
type Builds = BTreeMap<String, (u64, String)>;

struct SeekerOperator(Arc<Mutex<Builds>>);

impl kubewright::Operator for SeekerOperator {
    const NAME: &'static str = "seeker";
    type Resource = Seeker;
    type Owns = (Optional<Gadget>,);
    type Reads = (Claim, OpenShops, Served<Gadget>);
    type Facts = ();

    fn build(&self, seeker: &Seeker, view: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let (name, namespace) = (seeker.name_any(), seeker.namespace());
        let mut found = Vec::new();
        if let Some(host) = &seeker.spec.host {
            found.extend(view.list_by(of::<ByHost>(), host).iter().map(|claim| claim.name_any()));
        }
        if seeker.spec.counts {
            found.extend(
                view.list(of::<OpenShops>(), namespace.as_deref(), &[])
                    .iter()
                    .map(|shop| shop.name_any()),
            );
        }
        if let Some(line) = &seeker.spec.line {
            let first = view.first(of::<ByLine>(), line, |_| true);
            found.extend(first.map(|claim| claim.name_any()));
            let mut own = Claim::new(&name, ClaimSpec::default());
            own.metadata.namespace.clone_from(&seeker.metadata.namespace);
            found.push(view.is_among_first(of::<ByLine>(), line, 2, &own).to_string());
        }
        if seeker.spec.asks {
            found.push(view.serves(of::<Gadget>()).to_string());
        }
        let mut builds = self.0.lock().unwrap();
        let (count, last) = builds.entry(name.clone()).or_default();
        *count += 1;
        *last = found.join(" ");
        let children = Children::new();
        Ok(if seeker.spec.wants {
            children.with(Gadget::new(&name, GadgetSpec {}))
        } else {
            children
        })
    }
}

/// A namespace with Seekers and a running operator.
struct Seekers {
    sandbox: Sandbox,
    operator: Operator,
    builds: Arc<Mutex<Builds>>,
}

fn asks() -> SeekerSpec {
    SeekerSpec { asks: true, ..SeekerSpec::default() }
}

fn host(host: &str) -> SeekerSpec {
    SeekerSpec { host: Some(host.into()), ..SeekerSpec::default() }
}

fn service(name: &str, labels: &Value) -> Service {
    let port = json!({ "port": 80 });
    serde_json::from_value(
        json!({ "metadata": { "name": name, "labels": labels }, "spec": { "ports": [port] } }),
    )
    .unwrap()
}

impl Seekers {
    async fn new(about: &str, specs: impl IntoIterator<Item = (String, SeekerSpec)>) -> Self {
        let sandbox = Sandbox::new(about).await;
        sandbox.cluster().install(&[Seeker::crd()]).await;
        let builds = Arc::<Mutex<Builds>>::default();
        let registry = Registry::new("seeker-operator").with(SeekerOperator(Arc::clone(&builds)));
        registry.check().unwrap();
        let operator =
            Operator::start(&registry, sandbox.cluster().kubeconfig(), &[sandbox.namespace()])
                .await;
        for (name, spec) in specs {
            sandbox.create(&Seeker::new(&name, spec)).await;
            sandbox.until_ready::<Seeker>(&name).await;
        }
        operator.until_at_rest().await;
        Self { sandbox, operator, builds }
    }

    fn found_by(&self, name: &str) -> String {
        self.builds.lock().unwrap()[name].1.clone()
    }

    /// The resources that `change` reconciles, with the number of runs.
    async fn reconciled_by<T>(&self, change: impl Future<Output = T>) -> BTreeMap<String, u64> {
        let before = self.builds.lock().unwrap().clone();
        change.await;
        self.operator.until_at_rest().await;
        let now = self.builds.lock().unwrap().clone();
        let runs = |(name, (count, _)): (String, (u64, String))| {
            (name.clone(), count - before.get(&name).map_or(0, |b| b.0))
        };
        now.into_iter().map(runs).filter(|(_, runs)| *runs > 0).collect()
    }

    async fn remove_gadgets(&self) {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.sandbox.client());
        let name = Gadget::crd_name();
        match definitions.delete(name, &DeleteParams::background()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => return,
            result => drop(result.unwrap()),
        }
        eventually(tests::cluster::LONG, "the definition of Gadget is gone", async || {
            definitions
                .get_opt(name)
                .await
                .unwrap()
                .map_or(Ok(()), |definition| Err(describe(&definition)))
        })
        .await;
    }
}

fn once(names: &[&str]) -> BTreeMap<String, u64> {
    names.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_appears_or_disappears_reconciles_the_resources_that_asked_for_it_or_own_it() {
    let wants = SeekerSpec { wants: true, ..SeekerSpec::default() };
    let all = [
        ("asks", asks()),
        ("asks-also", asks()),
        ("wants", wants),
        ("neither", SeekerSpec::default()),
    ];
    let seekers = Seekers::new("served", all.map(|(name, spec)| (name.to_owned(), spec))).await;
    assert_eq!(seekers.found_by("asks"), "false");

    let mut runs = seekers.reconciled_by(seekers.sandbox.cluster().install(&[Gadget::crd()])).await;
    assert!(runs.remove("wants").is_some());
    assert_eq!((runs, seekers.found_by("asks")), (once(&["asks", "asks-also"]), "true".to_owned()));
    seekers.sandbox.get::<Gadget>("wants").await;

    let no_longer =
        seekers.sandbox.merge::<Seeker>("asks-also", json!({ "spec": { "asks": false } }));
    assert_eq!(
        seekers.reconciled_by(no_longer).await.into_keys().collect::<Vec<_>>(),
        ["asks-also"]
    );
    let mut runs = seekers.reconciled_by(seekers.remove_gadgets()).await;
    assert!(runs.remove("wants").is_some());
    assert_eq!((runs, seekers.found_by("asks")), (once(&["asks"]), "false".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_index_key_reconciles_the_resources_that_looked_it_up() {
    let own = |number: usize| (format!("s-{number}"), host(&format!("host-{number}")));
    let seekers = Seekers::new("index", (0..ALL).map(own)).await;
    assert_eq!(seekers.found_by("s-7"), "s-7", "a Seeker finds itself");
    let to = |host: &str| json!({ "spec": { "host": host } });

    let mut runs =
        seekers.reconciled_by(seekers.sandbox.merge::<Seeker>("s-3", to("host-4"))).await;
    // Two causes: the edit, and the changed key that the Seeker looks up. One run may serve both.
    assert!(runs.remove("s-3").is_some_and(|runs| runs <= 2));
    assert_eq!((runs, seekers.found_by("s-4")), (once(&["s-4"]), "s-3 s-4".to_owned()));

    let mut runs =
        seekers.reconciled_by(seekers.sandbox.merge::<Seeker>("s-3", to("unused"))).await;
    assert!(runs.remove("s-3").is_some());
    assert_eq!((runs, seekers.found_by("s-4")), (once(&["s-4"]), "s-4".to_owned()));

    seekers.reconciled_by(seekers.sandbox.merge::<Seeker>("s-3", to("host-4"))).await;
    assert_eq!(
        seekers.reconciled_by(seekers.sandbox.delete::<Seeker>("s-3")).await,
        once(&["s-4"])
    );
    assert_eq!(seekers.found_by("s-4"), "s-4");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_crowd_only_the_resources_whose_answer_changes_are_reconciled() {
    let in_line = |number: usize| {
        let line = Some("x".to_owned());
        (format!("s-{number:02}"), SeekerSpec { line, ..SeekerSpec::default() })
    };
    let seekers = Seekers::new("ordered", (0..ALL).map(in_line)).await;
    let answers = || [0, 1, 2, 29].map(|number| seekers.found_by(&format!("s-{number:02}")));
    assert_eq!(answers(), ["s-00 true", "s-00 true", "s-00 false", "s-00 false"]);
    let sandbox = &seekers.sandbox;
    let host = |name: &'static str| {
        sandbox.merge::<Seeker>(name, json!({ "spec": { "host": "changed" } }))
    };
    let edited = seekers.reconciled_by(host("s-20")).await;
    assert_eq!(edited.into_keys().collect::<Vec<_>>(), ["s-20"], "an object that all look up");
    let deleted = seekers.reconciled_by(sandbox.delete::<Seeker>("s-20")).await;
    assert_eq!(deleted, once(&[]));
    let deleted = seekers.reconciled_by(sandbox.delete::<Seeker>("s-01")).await;
    assert_eq!(deleted, once(&["s-02"]), "it is now one of the first two");
    let deleted = seekers.reconciled_by(sandbox.delete::<Seeker>("s-00")).await;
    assert_eq!(deleted.len(), ALL - 3, "all look up the first one: {deleted:?}");
    assert_eq!(answers()[2..], ["s-02 true", "s-02 false"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_outside_a_label_selection_are_not_found_and_reconcile_nothing() {
    let counts = SeekerSpec { counts: true, ..SeekerSpec::default() };
    let seekers =
        Seekers::new("selected", [("counts".to_owned(), counts), ("neither".to_owned(), asks())])
            .await;
    let sandbox = &seekers.sandbox;
    let open = |open: &str| json!({ "lookups.example.com/open": open });

    assert_eq!(
        seekers.reconciled_by(sandbox.create(&service("closed", &open("no")))).await,
        once(&[])
    );
    assert_eq!(
        seekers.reconciled_by(sandbox.create(&service("corner", &open("yes")))).await,
        once(&["counts"]),
        "a Service is created in the selection"
    );
    assert_eq!(seekers.found_by("counts"), "corner");
    let port = sandbox.merge::<Service>("corner", json!({ "spec": { "ports": [{ "port": 81 }] } }));
    assert_eq!(
        seekers.reconciled_by(port).await,
        once(&[]),
        "a change of a field that the type does not have"
    );
    let relabel = |name: &'static str, value: &str| {
        sandbox.merge::<Service>(name, json!({ "metadata": { "labels": open(value) } }))
    };
    assert_eq!(
        seekers.reconciled_by(relabel("closed", "yes")).await,
        once(&["counts"]),
        "a Service enters the selection"
    );
    assert_eq!(seekers.found_by("counts"), "closed corner");
    assert_eq!(
        seekers.reconciled_by(relabel("corner", "no")).await,
        once(&["counts"]),
        "a Service leaves the selection"
    );
    assert_eq!(seekers.found_by("counts"), "closed");
}
