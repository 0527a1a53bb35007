//! One experiment: its namespaces, its previews and its operator. The lab plays the controllers of
//! routes: they accept each route.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use kubewright::runtime::Settings;
use operator_api::gateway::HTTPRoute;
use operator_api::preview::{PreviewEnvironment, PreviewPolicy};
use serde_json::{Value, json};

use super::experiment::{Experiment, Plan, Spread, Step};
use super::survey::{Name, Survey, list};
use super::table::{Count, Row};
use crate::cluster::{Cluster, LONG, Namespaced, Operator, SOON, Sandbox, condition, eventually};
use crate::fixtures::{PreviewFixture, preview};
use crate::route_apis::http_routes;
use crate::routes::Answer;

/// The label of the namespaces of one experiment. Its policy selects them.
const LAB: &str = "experiments.example.com/lab";
const POLICIES: &str = "previewpolicies.platform9.com";
/// Requests at one time.
const AT_A_TIME: usize = 8;
/// How often the lab looks at routes.
const POLL: Duration = Duration::from_millis(300);
/// How much later the preview in the other namespace ends.
const LATER: Duration = Duration::from_secs(4);

struct Lab {
    cluster: Cluster,
    client: Client,
    sandboxes: Vec<Sandbox>,
    namespaces: BTreeSet<String>,
    previews: Vec<Name>,
    _operator: Operator,
}

/// Runs an experiment in a cluster, with the operators' default settings.
pub async fn run(cluster: &Cluster, experiment: &Experiment, plan: &Plan) -> Row {
    let mut lab = Lab::new(cluster, experiment, plan.previews).await;
    for step in &experiment.prepare {
        lab.execute(step).await;
    }
    let before = lab.create_previews(experiment, plan.previews).await;
    let mut began = Instant::now();
    for step in &experiment.act {
        began += lab.execute(step).await;
    }
    let due = began + LATER;
    let (mut counts, mut last_gone) = (Vec::new(), None);
    for after in &plan.after {
        while began.elapsed() < *after {
            lab.accept_routes().await;
            if last_gone.is_none() && lab.is_last_gone().await {
                last_gone = Some(due.elapsed());
            }
            tokio::time::sleep(POLL).await;
        }
        counts.push(lab.count(&before, *after).await);
    }
    let is_expiry = experiment.spread == Spread::Beside;
    let back = if is_expiry {
        match last_gone {
            Some(late) => format!("the last one is deleted {late:.0?} after its time"),
            None => "the last one is not deleted".to_owned(),
        }
    } else {
        let restored = lab.take_back(experiment, &before, plan.patience).await;
        format!("{}: {restored}", experiment.how)
    };
    lab.end().await;
    let about = experiment.about.to_owned();
    Row { about, up: before.up(), counts, back, is_expiry }
}

impl Lab {
    async fn new(cluster: &Cluster, experiment: &Experiment, previews: usize) -> Self {
        let count = match experiment.spread {
            Spread::Together => 1,
            Spread::Apart => previews,
            Spread::Beside => 2,
        };
        let mut sandboxes = Vec::new();
        for _ in 0..count {
            sandboxes.push(Sandbox::in_cluster(cluster, experiment.name, &[]).await);
        }
        for sandbox in &sandboxes {
            sandbox.label(json!({ LAB: sandboxes[0].namespace() })).await;
        }
        let namespaces: BTreeSet<_> =
            sandboxes.iter().map(|sandbox| sandbox.namespace().to_owned()).collect();
        let settings =
            Settings { namespaces: namespaces.iter().cloned().collect(), ..Settings::default() };
        let registry = operator::registry();
        let operator = Operator::start_with(&registry, cluster.kubeconfig(), settings).await;
        let (cluster, client) = (cluster.clone(), cluster.client().await);
        Self { cluster, client, sandboxes, namespaces, previews: Vec::new(), _operator: operator }
    }

    /// Creates the previews and waits until all are Ready.
    async fn create_previews(&mut self, experiment: &Experiment, previews: usize) -> Survey {
        let space = |number: usize| match experiment.spread {
            Spread::Together => 0,
            Spread::Apart => number,
            Spread::Beside => usize::from(number + 1 == previews),
        };
        let name = |number: usize| format!("p{number}");
        let all = stream::iter(0..previews).map(|number| {
            let preview = preview(&name(number)).with_fields(experiment.fields.clone());
            let sandbox = &self.sandboxes[space(number)];
            async move { sandbox.create(&preview).await.metadata.namespace.unwrap() }
        });
        let namespaces: Vec<_> = all.buffered(AT_A_TIME).collect().await;
        let names = namespaces.into_iter().enumerate();
        self.previews = names.map(|(number, namespace)| (namespace, name(number))).collect();
        eventually(LONG, "all previews are Ready", async || {
            self.accept_routes().await;
            let ready = self.count_with("Ready").await;
            if ready == previews { Ok(()) } else { Err(format!("{ready} are")) }
        })
        .await;
        Survey::take(&self.client, &self.namespaces).await
    }

    /// Executes a step. Returns how much later its effect begins.
    async fn execute(&self, step: &Step) -> Duration {
        match step {
            Step::Label(label, value) => {
                for sandbox in &self.sandboxes {
                    sandbox.label(json!({ *label: value })).await;
                }
            }
            Step::Policy(spec) => self.write_policy(spec).await,
            Step::Definition => self.define_policies(false).await,
            Step::WeakDefinition => self.define_policies(true).await,
            Step::DeleteDefinition => {
                let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
                api.delete(POLICIES, &DeleteParams::background()).await.unwrap();
            }
            Step::HttpRoutes => self.cluster.install(&[http_routes()]).await,
            Step::Expire => return self.end_previews().await,
        }
        Duration::ZERO
    }

    async fn write_policy(&self, spec: &Value) {
        let name = self.sandboxes[0].namespace();
        let mut spec = spec.clone();
        spec["namespaceSelector"] = json!({ "matchLabels": { LAB: name } });
        let policy = json!({
            "apiVersion": "platform9.com/v1", "kind": "PreviewPolicy",
            "metadata": { "name": name }, "spec": spec,
        });
        let (api, patch) = (Api::<PreviewPolicy>::all(self.client.clone()), Patch::Apply(policy));
        // The API server needs a moment for another definition. The answer may have a spec that
        // our type cannot read.
        eventually(SOON, "the policy is written", async || {
            match api.patch_metadata(name, &PatchParams::apply("lab").force(), &patch).await {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    async fn define_policies(&self, is_weak: bool) {
        let all = operator::registry().definitions().into_iter();
        let mut all = all.map(|definition| definition.crd);
        let mut definition = all.find(|crd| crd.name_any() == POLICIES).unwrap();
        if is_weak {
            let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
            for version in &mut definition.spec.versions {
                let schema = version.schema.as_mut().unwrap();
                schema.open_api_v3_schema = serde_json::from_value(any.clone()).unwrap();
            }
        }
        // A deletion of the definition may still be in progress.
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        eventually(LONG, "no definition is being deleted", async || {
            let found = api.get_opt(POLICIES).await.map_err(|error| error.to_string())?;
            let is_deleting =
                found.is_some_and(|found| found.metadata.deletion_timestamp.is_some());
            if is_deleting { Err("it is".to_owned()) } else { Ok(()) }
        })
        .await;
        self.cluster.install(&[definition]).await;
    }

    /// Ends all previews. Returns when.
    async fn end_previews(&self) -> Duration {
        // Enough for all edits.
        let count = u32::try_from(self.previews.len()).unwrap();
        let lead = Duration::from_secs(3) + Duration::from_millis(30) * count;
        let end = Timestamp::from_second(Timestamp::now().as_second()).unwrap() + lead;
        let last = self.previews.len() - 1;
        let edits = self.previews.iter().enumerate().map(|(number, (namespace, name))| {
            let end = if number == last { end + LATER } else { end };
            let api: Api<PreviewEnvironment> = Api::namespaced(self.client.clone(), namespace);
            async move {
                let patch = Patch::Merge(json!({ "spec": { "expiresAt": end.to_string() } }));
                api.patch(name, &PatchParams::default(), &patch).await.unwrap();
            }
        });
        stream::iter(edits).buffered(AT_A_TIME).collect::<Vec<_>>().await;
        lead
    }

    /// Whether the last preview does not exist.
    async fn is_last_gone(&self) -> bool {
        let (namespace, name) = self.previews.last().unwrap();
        let api: Api<PreviewEnvironment> = Api::namespaced(self.client.clone(), namespace);
        api.get_opt(name).await.unwrap().is_none()
    }

    /// Takes the change back, and reports when all previews are up again.
    async fn take_back(&self, experiment: &Experiment, before: &Survey, most: Duration) -> String {
        let began = Instant::now();
        for step in &experiment.undo {
            self.execute(step).await;
        }
        loop {
            self.accept_routes().await;
            let down = before.down(&Survey::take(&self.client, &self.namespaces).await).len();
            let waiting = self.count_with("RolloutPending").await;
            if down == 0 && waiting == 0 {
                return format!("all up after {} s", began.elapsed().as_secs());
            }
            if began.elapsed() > most {
                return format!("{down} down and {waiting} waiting after {} s", most.as_secs());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn count(&self, before: &Survey, after: Duration) -> Count {
        let now = Survey::take(&self.client, &self.namespaces).await;
        Count {
            after,
            down: before.down(&now).len(),
            changed: before.changed(&now).len(),
            waiting: self.count_with("RolloutPending").await,
        }
    }

    /// The number of previews for which this condition is True.
    async fn count_with(&self, type_: &str) -> usize {
        let all = list::<PreviewEnvironment>(&self.client, &self.namespaces).await;
        all.iter().filter(|preview| condition(*preview, type_).is_true()).count()
    }

    /// Accepts each new route, as its controller would.
    async fn accept_routes(&self) {
        let address = json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } });
        self.accept::<Ingress>("/status/loadBalancer/ingress", &address).await;
        let accepted = json!({ "parents": [Answer::accepted("public").parent()] });
        self.accept::<HTTPRoute>("/status/parents", &accepted).await;
    }

    async fn accept<K: Namespaced>(&self, field: &str, status: &Value) {
        for route in list::<K>(&self.client, &self.namespaces).await {
            let is_accepted = serde_json::to_value(&route).unwrap().pointer(field).is_some();
            if is_accepted {
                continue;
            }
            let namespace = route.namespace().unwrap();
            let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
            let patch = Patch::Merge(json!({ "status": status }));
            match api.patch_status(&route.name_any(), &PatchParams::default(), &patch).await {
                // Another run deleted it meanwhile.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                result => drop(result.unwrap()),
            }
        }
    }

    /// Removes what is not in the namespaces.
    async fn end(self) {
        let api = Api::<PreviewPolicy>::all(self.client.clone());
        let deleted = api.delete(self.sandboxes[0].namespace(), &DeleteParams::background()).await;
        match deleted {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            result => drop(result.unwrap()),
        }
    }
}
