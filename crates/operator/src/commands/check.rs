//! `preview policy check`: reads the cluster and prints what a policy would change.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use kube::core::metadata::PartialObjectMeta;
use kube::{Client, Resource};
use kubewright::cli::{CommandError, Streams};
use kubewright::manifests::yaml::documents;
use kubewright::serde::de::DeserializeOwned;
use kubewright_connect::{Connect, transport};
use operator::policy::{Check, Refused, check};
use operator_api::preview::{PreviewPolicy, PreviewRequest, StoredPolicy};

use super::args::CheckArgs;
use super::error::CheckError;

/// Objects in a page of a list.
const PAGE: u32 = 500;

/// What the cluster has.
struct World {
    policies: Vec<StoredPolicy>,
    namespaces: Vec<Arc<PartialObjectMeta<Namespace>>>,
    previews: Vec<Arc<PreviewRequest>>,
}

pub(super) fn run(args: CheckArgs, streams: &mut Streams<'_>) -> Result<(), CommandError> {
    let policies = read(&args.file)?;
    let connect = Connect { kubeconfig: args.kubeconfig, context: args.context };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CheckError::Start)?;
    let world = runtime.block_on(async {
        let config = connect.config()?;
        let client = transport::client(config)
            .map_err(|source| CheckError::Read { kind: "credentials", source: Box::new(source) })?;
        World::read(client).await.map_err(CommandError::from)
    })?;
    for policy in policies {
        let name = policy.name();
        let current = world.policies.iter().find(|current| current.name() == name);
        let checked = check(&policy.spec, current, &world.namespaces, &world.previews);
        let checked =
            checked.map_err(|source| CheckError::Unreadable { name: name.to_owned(), source })?;
        streams.print(&describe(name, current.is_some(), &checked))?;
    }
    Ok(())
}

/// The policies of a file.
fn read(path: &Path) -> Result<Vec<StoredPolicy>, CheckError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| CheckError::File(path.to_owned(), source))?;
    let documents =
        documents(&text).map_err(|source| CheckError::Yaml { path: path.to_owned(), source })?;
    let is_policy = |json: &kubewright::serde_json::Value| {
        json["kind"] == *PreviewPolicy::kind(&())
            && json["apiVersion"] == *PreviewPolicy::api_version(&())
    };
    let policies: Vec<_> = documents.into_iter().map(|document| document.value).collect();
    let policies: Vec<StoredPolicy> = policies
        .into_iter()
        .filter(is_policy)
        .map(kubewright::serde_json::from_value)
        .collect::<Result<_, _>>()
        .map_err(|source| CheckError::Policy { path: path.to_owned(), source })?;
    if policies.is_empty() {
        return Err(CheckError::NoPolicy(path.to_owned()));
    }
    Ok(policies)
}

impl World {
    async fn read(client: Client) -> Result<Self, CheckError> {
        let failed = |kind| move |source| CheckError::Read { kind, source: Box::new(source) };
        let policies = list(&client).await.map_err(failed("PreviewPolicies"))?;
        let previews: Vec<PreviewRequest> =
            list(&client).await.map_err(failed("PreviewEnvironments"))?;
        let namespaces = Api::<Namespace>::all(client);
        let namespaces =
            namespaces.list_metadata(&ListParams::default()).await.map_err(failed("Namespaces"))?;
        Ok(Self {
            policies,
            namespaces: namespaces.items.into_iter().map(Arc::new).collect(),
            previews: previews.into_iter().map(Arc::new).collect(),
        })
    }
}

/// All objects of a kind, in pages.
async fn list<K>(client: &Client) -> Result<Vec<K>, kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let api = Api::<K>::all(client.clone());
    let mut params = ListParams::default().limit(PAGE);
    let mut objects = Vec::new();
    loop {
        let page = api.list(&params).await?;
        objects.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(objects),
        }
    }
}

fn describe(name: &str, exists: bool, check: &Check) -> String {
    let Check { namespaces, previews, stricter, grace_period, refused, lost, freed } = check;
    let mut lines = vec![format!(
        "PreviewPolicy {name} selects {} with {}; {refused} refused now.",
        count(*namespaces, "namespace"),
        count(*previews, "preview"),
    )];
    let than = if exists { "the policy in the cluster" } else { "no policy" };
    lines.push(match &**stricter {
        [] => format!("It is not stricter than {than}."),
        fields => format!("It is stricter than {than}: spec.{}.", fields.join(", spec.")),
    });
    if !freed.is_empty() {
        lines.push(format!("{} would run again at once.", count(freed.len(), "preview")));
    }
    if lost.is_empty() {
        lines.push("No preview would lose its pods or its route.".to_owned());
    } else {
        lines.push(format!(
            "{} would lose pods or route, {}:",
            count(lost.len(), "preview"),
            after(*grace_period)
        ));
        lines.extend(lost.iter().map(|Refused { preview, field }| format!("  {preview}: {field}")));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn after(grace_period: Duration) -> String {
    match grace_period.as_secs() {
        0 => "at once (spec.gracePeriod is 0s)".to_owned(),
        seconds if seconds % 60 == 0 => format!("{} min after the policy is applied", seconds / 60),
        seconds => format!("{seconds} s after the policy is applied"),
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
