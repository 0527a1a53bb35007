//! What `build` may look up beside objects and lists, on a real control plane: whether a kind is
//! served, what has a key in an index, the operator's own kind, and what labels select. Exactly
//! those run who asked.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as Written;
use kube::api::{Api, DeleteParams};
use kube::{CustomResource, CustomResourceExt, KubeSchema, ResourceExt};
use kubewright::core::kind::Labels;
use kubewright::{
    Children, Index, Invalid, Observed, Optional, Registry, Sample, Selected, Selector, Served,
    View,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tests::cluster::{Operator, Sandbox, eventually, seen};

/// Seekers that ask for a key of their own.
const ALL: usize = 30;

/// A resource that asks.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(
    group = "lookups.example.com",
    version = "v1",
    kind = "Seeker",
    plural = "seekers",
    namespaced,
    status = "SeekerStatus"
)]
#[serde(rename_all = "camelCase")]
struct SeekerSpec {
    /// Who else has this host.
    host: Option<String>,
    /// Whether Gadget is served.
    #[serde(default)]
    asks: bool,
    /// A Gadget, asked or not.
    #[serde(default)]
    wants: bool,
    /// How many Services are open.
    #[serde(default)]
    counts: bool,
}

#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
struct SeekerStatus {
    observed_generation: Option<i64>,
    #[serde(default)]
    conditions: Vec<Written>,
}

/// A Seeker, as the others see it.
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
}

struct ByHost;

impl Index for ByHost {
    type Of = Claim;
    fn keys(claim: &Claim) -> Vec<String> {
        claim.spec.host.iter().cloned().collect()
    }
}

/// A Service, without nearly all of it.
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

/// Somebody else's kind, which comes and goes.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(
    group = "lookups.example.com",
    version = "v1",
    kind = "Gadget",
    plural = "gadgets",
    namespaced
)]
struct GadgetSpec {}

/// How often `build` ran, and what it saw last, by resource.
type Builds = BTreeMap<String, (u64, String)>;

struct SeekerOperator(Arc<Mutex<Builds>>);

impl kubewright::Operator for SeekerOperator {
    const NAME: &'static str = "seeker";
    type Resource = Seeker;
    type Owns = (Optional<Gadget>,);
    type Reads = (Claim, OpenShops, Served<Gadget>);

    fn build(
        &self,
        seeker: &Seeker,
        view: &View<'_, Self::Reads>,
    ) -> Result<Children<Self::Owns>, Invalid> {
        let (name, namespace) = (seeker.name_any(), seeker.namespace());
        let mut saw = Vec::new();
        if let Some(host) = &seeker.spec.host {
            saw.extend(view.by::<ByHost, _>(host).iter().map(|claim| claim.name_any()));
        }
        if seeker.spec.counts {
            saw.extend(
                view.list::<OpenShops, _>(namespace.as_deref(), &[])
                    .iter()
                    .map(|shop| shop.name_any()),
            );
        }
        if seeker.spec.asks {
            saw.push(view.serves::<Gadget, _>().to_string());
        }
        let mut builds = self.0.lock().unwrap();
        let (count, last) = builds.entry(name.clone()).or_default();
        *count += 1;
        *last = saw.join(" ");
        let children = Children::new();
        Ok(if seeker.spec.wants {
            children.with(Gadget::new(&name, GadgetSpec {}))
        } else {
            children
        })
    }

    fn status(&self, _: &Seeker, _: &Observed<'_, Self::Owns>) -> SeekerStatus {
        SeekerStatus::default()
    }

    fn samples() -> Vec<Sample<Seeker>> {
        Vec::new()
    }
}

/// A namespace with seekers at work, at rest.
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
            sandbox.ready::<Seeker>(&name).await;
        }
        operator.at_rest().await;
        Self { sandbox, operator, builds }
    }

    fn saw(&self, name: &str) -> String {
        self.builds.lock().unwrap()[name].1.clone()
    }

    /// Who runs because of `change`, and how often.
    async fn woken<T>(&self, change: impl Future<Output = T>) -> BTreeMap<String, u64> {
        let before = self.builds.lock().unwrap().clone();
        change.await;
        self.operator.at_rest().await;
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
                .map_or(Ok(()), |definition| Err(seen(&definition)))
        })
        .await;
    }
}

fn once(names: &[&str]) -> BTreeMap<String, u64> {
    names.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_kind_comes_or_goes_wakes_those_who_asked_or_want_one_and_nobody_else() {
    let wants = SeekerSpec { wants: true, ..SeekerSpec::default() };
    let all = [
        ("asks", asks()),
        ("asks-too", asks()),
        ("wants", wants),
        ("neither", SeekerSpec::default()),
    ];
    let seekers = Seekers::new("served", all.map(|(name, spec)| (name.to_owned(), spec))).await;
    assert_eq!(seekers.saw("asks"), "false");

    let mut woken = seekers.woken(seekers.sandbox.cluster().install(&[Gadget::crd()])).await;
    assert!(woken.remove("wants").is_some());
    assert_eq!((woken, seekers.saw("asks")), (once(&["asks", "asks-too"]), "true".to_owned()));
    seekers.sandbox.get::<Gadget>("wants").await;

    let no_longer =
        seekers.sandbox.merge::<Seeker>("asks-too", json!({ "spec": { "asks": false } }));
    assert_eq!(seekers.woken(no_longer).await.into_keys().collect::<Vec<_>>(), ["asks-too"]);
    let mut woken = seekers.woken(seekers.remove_gadgets()).await;
    assert!(woken.remove("wants").is_some());
    assert_eq!((woken, seekers.saw("asks")), (once(&["asks"]), "false".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_look_at_each_other_those_run_who_asked_for_the_key_that_changed() {
    let own = |number: usize| (format!("s-{number}"), host(&format!("host-{number}")));
    let seekers = Seekers::new("index", (0..ALL).map(own)).await;
    assert_eq!(seekers.saw("s-7"), "s-7", "it sees itself");
    let to = |host: &str| json!({ "spec": { "host": host } });

    let mut woken = seekers.woken(seekers.sandbox.merge::<Seeker>("s-3", to("host-4"))).await;
    // Its own event is one reason, that it has the key that it asks for another: one run may do for
    // both.
    assert!(woken.remove("s-3").is_some_and(|runs| runs <= 2));
    assert_eq!((woken, seekers.saw("s-4")), (once(&["s-4"]), "s-3 s-4".to_owned()));

    let mut woken = seekers.woken(seekers.sandbox.merge::<Seeker>("s-3", to("nobodys"))).await;
    assert!(woken.remove("s-3").is_some());
    assert_eq!((woken, seekers.saw("s-4")), (once(&["s-4"]), "s-4".to_owned()));

    seekers.woken(seekers.sandbox.merge::<Seeker>("s-3", to("host-4"))).await;
    assert_eq!(seekers.woken(seekers.sandbox.delete::<Seeker>("s-3")).await, once(&["s-4"]));
    assert_eq!(seekers.saw("s-4"), "s-4");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_labels_select_nothing_else_is_seen_and_nothing_else_wakes_anybody() {
    let counts = SeekerSpec { counts: true, ..SeekerSpec::default() };
    let seekers =
        Seekers::new("selected", [("counts".to_owned(), counts), ("neither".to_owned(), asks())])
            .await;
    let sandbox = &seekers.sandbox;
    let open = |open: &str| json!({ "lookups.example.com/open": open });

    assert_eq!(seekers.woken(sandbox.create(&service("closed", &open("no")))).await, once(&[]));
    assert_eq!(
        seekers.woken(sandbox.create(&service("corner", &open("yes")))).await,
        once(&["counts"]),
        "it is made"
    );
    assert_eq!(seekers.saw("counts"), "corner");
    let port = sandbox.merge::<Service>("corner", json!({ "spec": { "ports": [{ "port": 81 }] } }));
    assert_eq!(seekers.woken(port).await, once(&[]), "the type has no such field");
    let relabel = |name: &'static str, value: &str| {
        sandbox.merge::<Service>(name, json!({ "metadata": { "labels": open(value) } }))
    };
    assert_eq!(seekers.woken(relabel("closed", "yes")).await, once(&["counts"]), "it enters");
    assert_eq!(seekers.saw("counts"), "closed corner");
    assert_eq!(seekers.woken(relabel("corner", "no")).await, once(&["counts"]), "it leaves");
    assert_eq!(seekers.saw("counts"), "closed");
}
