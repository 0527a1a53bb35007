//! The requests of `status`, and their results.

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kubewright_core::{KindInfo, labels, names};
use operator_api::ambassador::Mapping;
use operator_api::gateway::HTTPRoute;

use super::{events, objects};
use crate::cluster::Cluster;
use crate::preview::Preview;

pub(super) struct Report {
    pub(super) preview: Preview,
    pub(super) objects: Vec<Vec<String>>,
    pub(super) events: Vec<Vec<String>>,
    /// The requests that failed.
    pub(super) errors: Vec<String>,
}

/// The kinds that the operator creates for a preview.
fn owned_kinds() -> [KindInfo; 6] {
    [
        KindInfo::of::<Deployment>(),
        KindInfo::of::<Service>(),
        KindInfo::of::<HTTPRoute>(),
        KindInfo::of::<Ingress>(),
        KindInfo::of::<Mapping>(),
        KindInfo::of::<NetworkPolicy>(),
    ]
}

/// Reads the objects, pods and Events of the preview. A request that fails is reported, and the
/// rest is still shown.
pub(super) async fn report(cluster: &Cluster, preview: Preview, now: Timestamp) -> Report {
    let instance = format!("{}={}", labels::INSTANCE, names::label_value(&preview.name()));
    let mut requests: Vec<(KindInfo, String)> =
        owned_kinds().into_iter().map(|kind| (kind, instance.clone())).collect();
    if let Some(pods) = preview.status().selector.clone() {
        requests.push((KindInfo::of::<Pod>(), pods));
    }
    let lists = requests.iter().map(|(kind, selector)| cluster.objects(kind, selector));
    let lists = join_all(lists).await;

    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    let mut uids = vec![preview.uid().to_owned()];
    for ((kind, _), list) in requests.iter().zip(lists) {
        match list {
            Ok(objects) => {
                for object in objects.into_iter().filter(|o| objects::is_owned(kind, o, &preview)) {
                    uids.extend(object.metadata.uid.clone());
                    rows.push(objects::row(kind, object, &preview));
                }
            }
            Err(error) => errors.push(format!("{}: {error}", kind.resource())),
        }
    }
    let (mut all_events, mut events_error) = (Vec::new(), None);
    for events in join_all(uids.iter().map(|uid| cluster.events(uid))).await {
        match events {
            Ok(events) => all_events.extend(events),
            Err(error) => events_error = Some(format!("events: {error}")),
        }
    }
    errors.extend(events_error);
    Report { preview, objects: rows, events: events::latest(all_events, now), errors }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use k8s_openapi::api::core::v1::Event;
    use operator_api::preview::PreviewEnvironment;
    use serde_json::Value;

    use super::*;

    /// A cluster test compares the page with the kinds that the operator owns.
    #[test]
    fn the_documented_rights_allow_to_list_exactly_the_kinds_that_are_shown() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/previews/command-line.md");
        let page = std::fs::read_to_string(path).unwrap();
        let yaml = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
        let role: Value = serde_saphyr::from_str(yaml.unwrap()).unwrap();
        let list = |value: &Value| serde_json::from_value::<Vec<String>>(value.clone()).unwrap();
        let mut documented = BTreeSet::new();
        for rule in role["rules"].as_array().unwrap() {
            assert!(list(&rule["verbs"]).contains(&"list".to_owned()), "{rule}");
            let group = list(&rule["apiGroups"]).concat();
            let resources = list(&rule["resources"]).into_iter();
            documented.extend(resources.map(|resource| (group.clone(), resource)));
        }
        let others = [KindInfo::of::<Pod>(), KindInfo::of::<Event>()];
        let preview = [KindInfo::of::<PreviewEnvironment>()];
        let shown: BTreeSet<(String, String)> = owned_kinds()
            .into_iter()
            .chain(others)
            .chain(preview)
            .map(|kind| (kind.group.to_string(), kind.plural.to_string()))
            .collect();
        assert_eq!(documented, shown);
    }
}
