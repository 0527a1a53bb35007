//! Several processes share the work: each resource belongs to exactly one process, also over
//! restarts; and an API server that supports shards sends each process only its own resources.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{CustomResource, CustomResourceExt, KubeSchema, ResourceExt};
use kubewright::runtime::Settings;
use kubewright::{Children, Invalid, Registry, Status, View};
use kubewright_core::internals::shard::Shard;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tests::cluster::{
    Cluster, LONG, Operator, OwnCluster, Sandbox, condition, describe, eventually,
};
use tokio::task::JoinSet;

const MANY: usize = 3_000;
const SHARDS: u16 = 3;
/// Number of concurrent requests of the test.
const SIDE_BY_SIDE: usize = 32;

/// A resource with one ConfigMap as its child.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(
    group = "shards.example.com",
    version = "v1",
    kind = "Slice",
    plural = "slices",
    namespaced,
    status = "Status"
)]
struct SliceSpec {
    /// The text in the ConfigMap.
    text: String,
}

/// The processes that built each resource, by UID.
type Built = Arc<Mutex<BTreeMap<String, BTreeSet<u16>>>>;

struct SliceOperator {
    process: u16,
    built: Built,
}

impl kubewright::Operator for SliceOperator {
    const NAME: &'static str = "slice";
    type Resource = Slice;
    type Owns = (ConfigMap,);
    type Reads = ();
    type Facts = ();

    fn build(&self, slice: &Slice, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        self.built.lock().unwrap().entry(slice.uid().unwrap()).or_default().insert(self.process);
        let mut config = ConfigMap::default();
        config.metadata.name.clone_from(&slice.metadata.name);
        config.data = Some([("text".to_owned(), slice.spec.text.clone())].into());
        Ok(Children::new().with(config))
    }
}

/// The namespace of the processes, and the record of their builds.
struct Slices {
    sandbox: Sandbox,
    built: Built,
}

impl Slices {
    async fn new(cluster: &Cluster, about: &str) -> Self {
        let sandbox = Sandbox::in_cluster(cluster, about, &[]).await;
        cluster.install(&[Slice::crd()]).await;
        Self { sandbox, built: Built::default() }
    }

    async fn run(&self, shard: Option<Shard>) -> Operator {
        let process = shard.map_or(0, Shard::index);
        let registry =
            Registry::new("slicer").with(SliceOperator { process, built: Arc::clone(&self.built) });
        let settings = Settings {
            namespaces: vec![self.sandbox.namespace().to_owned()],
            shard,
            ..Settings::default()
        };
        Operator::start_with(&registry, self.sandbox.cluster().kubeconfig(), settings).await
    }

    async fn run_shard(&self, index: u16) -> Operator {
        self.run(Some(shard(index))).await
    }

    /// Creates resources with these numbers; returns their UIDs by name.
    async fn create(&self, numbers: std::ops::Range<usize>) -> BTreeMap<String, String> {
        let api = self.sandbox.api::<Slice>();
        for_each(numbers, |number| {
            let api = api.clone();
            async move {
                let slice = Slice::new(&name(number), SliceSpec { text: "before".into() });
                let created = api.create(&PostParams::default(), &slice).await.unwrap();
                (created.name_any(), created.uid().unwrap())
            }
        })
        .await
        .into_iter()
        .collect()
    }

    async fn edit(&self, numbers: impl IntoIterator<Item = usize>) {
        let api = self.sandbox.api::<Slice>();
        for_each(numbers, |number| {
            let api = api.clone();
            async move {
                let patch = Patch::Merge(json!({ "spec": { "text": "after" } }));
                api.patch(&name(number), &PatchParams::default(), &patch).await.unwrap();
            }
        })
        .await;
    }

    fn built_by(&self) -> BTreeMap<String, BTreeSet<u16>> {
        self.built.lock().unwrap().clone()
    }

    /// Waits until all resources of these processes are ready and their ConfigMaps are up to date.
    async fn until_in_sync(&self, processes: &[(u16, &Operator)]) {
        let is_in_shards = |slice: &Slice| {
            processes.iter().any(|(index, _)| shard(*index).contains(&slice.uid().unwrap()))
        };
        eventually(LONG, "all resources of these shards are in sync", async || {
            // Cheaper than reading all objects at each check.
            for (_, operator) in processes {
                let left = operator.metrics().await.in_progress();
                if left > 0 {
                    return Err(format!("{left} resources in progress"));
                }
            }
            let mut slices: Vec<Slice> = self.sandbox.list().await;
            slices.retain(is_in_shards);
            let texts = texts(&self.sandbox.list().await);
            let is_in_sync = |slice: &&Slice| {
                condition(*slice, "Ready").is_true()
                    && texts.get(&slice.name_any()) == Some(&slice.spec.text)
            };
            match slices.iter().find(|slice| !is_in_sync(slice)) {
                Some(one) => Err(format!("{}\n{:?}", describe(one), texts.get(&one.name_any()))),
                None => Ok(()),
            }
        })
        .await;
    }
}

fn shard(index: u16) -> Shard {
    Shard::new(SHARDS, index).unwrap()
}

fn name(number: usize) -> String {
    format!("slice-{number}")
}

fn texts(configs: &[ConfigMap]) -> BTreeMap<String, String> {
    configs
        .iter()
        .filter_map(|config| Some((config.name_any(), config.data.as_ref()?.get("text")?.clone())))
        .collect()
}

/// Runs `work` for each number, with limited concurrency.
async fn for_each<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    numbers: impl IntoIterator<Item = usize>,
    work: impl Fn(usize) -> F,
) -> Vec<T> {
    let (mut tasks, mut results) = (JoinSet::new(), Vec::new());
    for number in numbers {
        if tasks.len() >= SIDE_BY_SIDE {
            results.push(tasks.join_next().await.unwrap().unwrap());
        }
        tasks.spawn(work(number));
    }
    results.extend(tasks.join_all().await);
    results
}

/// The UIDs that belong to one shard.
fn uids_of_shard(uids: &BTreeMap<String, String>, index: u16) -> BTreeSet<&str> {
    uids.values().map(String::as_str).filter(|uid| shard(index).contains(uid)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_share_three_thousand_resources_over_a_restart_of_one_process() {
    let cluster = OwnCluster::start_api_server("shards", "");
    let slices = Slices::new(&cluster, "shards").await;
    let mut uids = slices.create(0..MANY / 2).await;
    let (first, second, third) =
        (slices.run_shard(0).await, slices.run_shard(1).await, slices.run_shard(2).await);
    second
        .until("the second process works", |metrics| {
            metrics.sum("kubewright_writes_total", &[]) > 20
        })
        .await;
    let (ended, created) = tokio::join!(second.stop(), slices.create(MANY / 2..MANY));
    ended.unwrap();
    uids.extend(created);
    assert_eq!(uids.len(), MANY);
    slices.until_in_sync(&[(0, &first), (2, &third)]).await;
    let done = slices.built_by();
    let unseen: Vec<&str> =
        uids_of_shard(&uids, 1).into_iter().filter(|uid| !done.contains_key(*uid)).collect();
    assert!(
        unseen.len() > MANY / 10,
        "expected unfinished work of the second process, found {} resources",
        unseen.len()
    );

    // During the outage of the second process, every tenth resource is edited.
    slices.edit((0..MANY).step_by(10)).await;
    slices.until_in_sync(&[(0, &first), (2, &third)]).await;
    let done = slices.built_by();
    assert!(
        unseen.iter().all(|uid| !done.contains_key(*uid)),
        "another process did the work of the second process"
    );

    let second = slices.run_shard(1).await;
    let all = [(0, &first), (1, &second), (2, &third)];
    slices.until_in_sync(&all).await;
    let mut known = 0;
    for (index, operator) in all {
        let metrics = operator.until_at_rest().await;
        known += metrics.resources("slice");
        assert_eq!(
            metrics.resources("slice"),
            uids_of_shard(&uids, index).len() as u64,
            "of shard {index}"
        );
        assert_eq!(
            metrics.sum("kubewright_writes_total", &[("action", "repair")]),
            0,
            "a process repaired a child of another process"
        );
    }
    assert_eq!(known, MANY as u64);

    let built = slices.built_by();
    assert_eq!(
        built.keys().collect::<BTreeSet<_>>(),
        uids.values().collect(),
        "the built resources differ from the existing resources"
    );
    for (uid, by) in &built {
        let index = (0..SHARDS).find(|index| shard(*index).contains(uid)).unwrap();
        assert_eq!(*by, BTreeSet::from([index]), "{uid}");
    }

    // The process of the owner creates a deleted ConfigMap again.
    for number in 0..12 {
        slices.sandbox.delete::<ConfigMap>(&name(number)).await;
    }
    slices.until_in_sync(&all).await;
    for operator in [first, second, third] {
        operator.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_supports_shards_sends_only_the_resources_of_the_shard() {
    let cluster = OwnCluster::start_api_server("divide", "ShardedListAndWatch=true");
    let slices = Slices::new(&cluster, "divide").await;
    let uids = slices.create(0..300).await;
    for index in 0..SHARDS {
        let selector = shard(index).selector();
        let listed = list_uids(&slices.sandbox, &selector).await;
        assert_eq!(
            listed.iter().map(String::as_str).collect::<BTreeSet<_>>(),
            uids_of_shard(&uids, index),
            "{selector}"
        );
    }

    let slice = [("group", "shards.example.com"), ("resource", "slices")];
    let sent = async || cluster.metrics().await.sum("apiserver_watch_events_total", &slice);
    let before = sent().await;
    let operator = slices.run_shard(0).await;
    slices.until_in_sync(&[(0, &operator)]).await;
    let ours = uids_of_shard(&uids, 0).len() as u64;
    assert_eq!(operator.until_at_rest().await.resources("slice"), ours);
    assert_eq!(cluster.metrics().await.sum("apiserver_watch_shards_total", &slice), 1);
    // The resources were listed. The watch only sends the changes of their statuses, and bookmarks.
    let sent = sent().await - before;
    assert!(
        (ours..ours + 50).contains(&sent),
        "{sent} events for {ours} resources of {}",
        uids.len()
    );
    operator.stop().await.unwrap();
}

/// The UIDs that the API server lists for a shard selector.
async fn list_uids(sandbox: &Sandbox, selector: &str) -> BTreeSet<String> {
    let escaped = selector.replace(' ', "%20");
    let path = format!(
        "/apis/shards.example.com/v1/namespaces/{}/slices?limit=500&shardSelector={escaped}",
        sandbox.namespace()
    );
    let answer: Value =
        sandbox.client().request(http::Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
    answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["metadata"]["uid"].as_str().unwrap().to_owned())
        .collect()
}

/// Number of writes of ConfigMaps: creates, updates, repairs, deletes.
async fn writes(operator: &Operator) -> [u64; 4] {
    let metrics = operator.until_at_rest().await;
    ["create", "update", "repair", "delete"]
        .map(|action| metrics.sum("kubewright_writes_total", &[("action", action)]))
}

#[tokio::test(flavor = "multi_thread")]
async fn turning_sharding_on_or_off_writes_each_child_once_and_another_shard_count_writes_nothing()
{
    let slices = Slices::new(Cluster::shared(), "switch").await;
    let uids = slices.create(0..20).await;
    let one = |count, index| Some(Shard::new(count, index).unwrap());
    for (shards, expected) in [
        (vec![None], [20, 0, 0, 0]),
        (vec![one(2, 0), one(2, 1)], [0, 20, 0, 0]),
        (vec![one(3, 0), one(3, 1), one(3, 2)], [0; 4]),
        (vec![one(1, 0)], [0; 4]),
        (vec![None], [0, 20, 0, 0]),
    ] {
        let mut written = [0; 4];
        for shard in shards {
            let operator = slices.run(shard).await;
            let ours =
                uids.values().filter(|uid| shard.is_none_or(|shard| shard.contains(uid))).count();
            operator
                .until("all resources are reconciled", |metrics| {
                    metrics.reconciles("slice") >= ours as u64
                })
                .await;
            for (sum, more) in written.iter_mut().zip(writes(&operator).await) {
                *sum += more;
            }
            operator.stop().await.unwrap();
        }
        assert_eq!(written, expected, "creates, updates, repairs, deletes");
    }
    let configs: Vec<ConfigMap> = slices.sandbox.list().await;
    assert!(
        configs.iter().all(|config| !config.labels().contains_key("kubewright.dev/shard")),
        "{}",
        describe(&configs)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_of_a_deleted_resource_in_another_shard_does_not_count_as_foreign() {
    let slices = Slices::new(Cluster::shared(), "move").await;
    let operators =
        [slices.run_shard(0).await, slices.run_shard(1).await, slices.run_shard(2).await];
    let home = |uid: &str| (0..SHARDS).find(|index| shard(*index).contains(uid)).unwrap();
    let sandbox = &slices.sandbox;
    let first = home(&slices.create(0..1).await[&name(0)]);
    sandbox.until_ready::<Slice>(&name(0)).await;
    // A finalizer keeps the ConfigMap of the deleted resource while the next resource is created.
    sandbox
        .merge::<ConfigMap>(
            &name(0),
            json!({ "metadata": { "finalizers": ["tests.example.com/stay"] } }),
        )
        .await;
    eventually(LONG, "the name is in another shard", async || {
        sandbox.delete::<Slice>(&name(0)).await;
        let next = home(&slices.create(0..1).await[&name(0)]);
        if next == first { Err(format!("the name is in shard {next} again")) } else { Ok(()) }
    })
    .await;
    let ready = |slice: &Slice| condition(slice, "Ready");
    let waiting =
        sandbox.until(&name(0), "is not ready", |slice| ready(slice).status == "False").await;
    assert_ne!(ready(&waiting).reason, "NotOwned", "{}", describe(&waiting));
    sandbox.merge::<ConfigMap>(&name(0), json!({ "metadata": { "finalizers": null } })).await;
    // No event shows the end of the old object to this shard. The garbage collector may need half a
    // minute for a new kind of owner, and the delay between two tries doubles.
    eventually(LONG, "the resource is ready", async || {
        let slice: Slice = sandbox.get(&name(0)).await;
        if ready(&slice).is_true() { Ok(()) } else { Err(describe(&slice)) }
    })
    .await;
    for operator in operators {
        operator.stop().await.unwrap();
    }
}

/// The YAML documents of a file of this repository that are of this kind.
fn documents(path: &str, kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path))
        .unwrap();
    let blocks: Vec<&str> = match text.split_once("```yaml\n") {
        Some((_, rest)) => vec![rest.split_once("```").unwrap().0],
        None => text.split("\n---\n").collect(),
    };
    let values = blocks.into_iter().map(|block| serde_saphyr::from_str::<Value>(block).unwrap());
    values.filter(|value| value["kind"] == kind).collect()
}

#[tokio::test]
async fn the_documented_stateful_set_matches_the_installation_and_is_admitted() {
    let mut set = documents("docs/scaling.md", "StatefulSet").remove(0);
    let installed = documents("generated/install.yaml", "Deployment").remove(0);
    let mut expected = installed["spec"]["template"].clone();
    let count = set["spec"]["replicas"].as_u64().unwrap();
    expected["spec"]["containers"][0]["args"]
        .as_array_mut()
        .unwrap()
        .push(format!("--shard-count={count}").into());
    assert_eq!(set["spec"]["template"], expected);
    assert_eq!(set["spec"]["selector"], installed["spec"]["selector"]);
    for field in ["name", "namespace", "labels"] {
        assert_eq!(set["metadata"][field], installed["metadata"][field], "{field}");
    }

    let sandbox = Sandbox::new("docs").await;
    set["metadata"]["namespace"] = sandbox.namespace().into();
    let path = format!(
        "/apis/apps/v1/namespaces/{}/statefulsets?dryRun=All&fieldValidation=Strict",
        sandbox.namespace()
    );
    let request = http::Request::post(path)
        .header("Content-Type", "application/json")
        .body(set.to_string().into_bytes())
        .unwrap();
    let admitted: Value = sandbox.client().request(request).await.unwrap();
    assert_eq!(admitted["spec"]["replicas"], count);
}
