//! Which previews are up. A preview is up if it exists, its Deployment asks for pods, and every
//! other object that it had still exists.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::api::{Api, ListParams};
use kube::{Client, Resource, ResourceExt};
use operator_api::gateway::HTTPRoute;
use operator_api::preview::PreviewEnvironment;

use crate::cluster::Namespaced;

/// The namespace and the name of a preview.
pub(super) type Name = (String, String);

/// The objects of one preview.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Objects {
    /// The generation of its Deployment, if that asks for pods.
    pods: Option<i64>,
    /// The kinds of its other objects.
    kinds: BTreeSet<String>,
}

/// The objects of all previews at one time.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey(BTreeMap<Name, Objects>);

impl Survey {
    /// Looks at the previews of these namespaces.
    pub(super) async fn take(client: &Client, namespaces: &BTreeSet<String>) -> Self {
        let mut survey = Self::default();
        for deployment in list::<Deployment>(client, namespaces).await {
            let spec = deployment.spec.clone().unwrap_or_default();
            if let Some(objects) = survey.of(&deployment)
                && spec.replicas != Some(0)
            {
                objects.pods = deployment.metadata.generation;
            }
        }
        survey.add::<Ingress>(client, namespaces).await;
        survey.add::<HTTPRoute>(client, namespaces).await;
        survey.add::<NetworkPolicy>(client, namespaces).await;
        // Garbage collection is slower than a deletion.
        let previews = list::<PreviewEnvironment>(client, namespaces).await;
        let alive = previews.iter().filter(|p| p.metadata.deletion_timestamp.is_none());
        let alive: BTreeSet<Name> =
            alive.map(|p| (p.namespace().unwrap_or_default(), p.name_any())).collect();
        survey.0.retain(|name, _| alive.contains(name));
        survey
    }

    async fn add<K: Namespaced>(&mut self, client: &Client, namespaces: &BTreeSet<String>) {
        for object in list::<K>(client, namespaces).await {
            if let Some(objects) = self.of(&object) {
                objects.kinds.insert(K::kind(&()).into_owned());
            }
        }
    }

    /// The objects of the preview that owns this object.
    fn of<K: Resource>(&mut self, object: &K) -> Option<&mut Objects> {
        let owner = object.owner_references().iter().find(|o| o.kind == "PreviewEnvironment")?;
        let namespace = object.namespace().unwrap_or_default();
        Some(self.0.entry((namespace, owner.name.clone())).or_default())
    }

    /// The previews of this survey that `now` does not show as up.
    pub(super) fn down(&self, now: &Self) -> BTreeSet<Name> {
        self.names(|before, now| now.pods.is_none() || !now.kinds.is_superset(&before.kinds), now)
    }

    /// The previews of this survey whose Deployment changed or is gone.
    pub(super) fn changed(&self, now: &Self) -> BTreeSet<Name> {
        self.names(|before, now| before.pods != now.pods, now)
    }

    /// The number of previews that are up.
    pub(super) fn up(&self) -> usize {
        self.0.values().filter(|objects| objects.pods.is_some()).count()
    }

    fn names(&self, is_it: impl Fn(&Objects, &Objects) -> bool, now: &Self) -> BTreeSet<Name> {
        let nothing = Objects::default();
        let is_it =
            |(name, before): &(&Name, &Objects)| is_it(before, now.0.get(name).unwrap_or(&nothing));
        self.0.iter().filter(is_it).map(|(name, _)| name.clone()).collect()
    }
}

/// All objects of a kind in these namespaces. None if the cluster does not serve the kind.
pub(super) async fn list<K: Namespaced>(client: &Client, namespaces: &BTreeSet<String>) -> Vec<K> {
    let all = match Api::<K>::all(client.clone()).list(&ListParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => return Vec::new(),
        all => all.unwrap().items,
    };
    let is_ours = |object: &K| object.namespace().is_some_and(|name| namespaces.contains(&name));
    all.into_iter().filter(is_ours).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(previews: &[(&str, Option<i64>, &[&str])]) -> Survey {
        let objects = previews.iter().map(|(name, pods, kinds)| {
            let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
            (("ns".to_owned(), (*name).to_owned()), Objects { pods: *pods, kinds })
        });
        Survey(objects.collect())
    }

    #[test]
    fn a_preview_is_down_without_pods_or_without_an_object_that_it_had() {
        let before = survey(&[
            ("same", Some(1), &["Ingress"]),
            ("changed", Some(1), &[]),
            ("stopped", Some(1), &[]),
            ("other route", Some(1), &["Ingress"]),
            ("gone", Some(1), &[]),
        ]);
        let now = survey(&[
            ("same", Some(1), &["Ingress", "NetworkPolicy"]),
            ("changed", Some(2), &[]),
            ("stopped", None, &[]),
            ("other route", Some(1), &["HTTPRoute"]),
        ]);
        let names = |found: BTreeSet<Name>| -> Vec<String> {
            found.into_iter().map(|(_, name)| name).collect()
        };
        assert_eq!(before.up(), 5);
        assert_eq!(names(before.down(&now)), ["gone", "other route", "stopped"]);
        assert_eq!(names(before.changed(&now)), ["changed", "gone", "stopped"]);
    }
}
