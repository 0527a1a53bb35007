//! A namespace for one test, and operations on the objects in it.

use std::fmt::{Debug, Display};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, Resource};
use kubewright::Object;
use serde_json::{Value, json};

use super::connect::Cluster;
use super::definitions::MANAGER;
use super::describe::{condition, describe};
use super::operator::Operator;
use super::wait::{LONG, SOON, eventually};

/// A kind whose objects live in namespaces.
pub trait Namespaced: Object + Resource<DynamicType = (), Scope = NamespaceResourceScope> {}

impl<K: Object + Resource<DynamicType = (), Scope = NamespaceResourceScope>> Namespaced for K {}

/// A namespace for one test. Dropping this value deletes the namespace without waiting.
#[derive(Debug)]
pub struct Sandbox {
    cluster: Cluster,
    namespace: String,
    client: SilentClient,
}

/// A client whose `Debug` output is short.
#[derive(Clone)]
struct SilentClient(Client);

impl Debug for SilentClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl Sandbox {
    /// Creates a namespace in the shared cluster; `about` becomes part of its name.
    pub async fn new(about: &str) -> Self {
        Self::with_labels(about, &[]).await
    }

    /// Like [`new`](Self::new), with labels.
    pub async fn with_labels(about: &str, labels: &[(&str, &str)]) -> Self {
        Self::in_cluster(Cluster::shared(), about, labels).await
    }

    /// Creates a namespace in `cluster`.
    pub async fn in_cluster(cluster: &Cluster, about: &str, labels: &[(&str, &str)]) -> Self {
        let (client, namespace) = (cluster.client().await, unique(about));
        let labels: Value =
            labels.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
        let object: Namespace =
            from(json!({ "metadata": { "name": namespace, "labels": labels } }));
        Api::all(client.clone()).create(&PostParams::default(), &object).await.unwrap();
        Self { cluster: cluster.clone(), namespace, client: SilentClient(client) }
    }

    /// The name of the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The cluster of the namespace.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// A client with the rights of an administrator.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.0.clone()
    }

    /// Starts our operators in this namespace.
    pub async fn start_operator(&self) -> Operator {
        self.start_operator_with(&[]).await
    }

    /// Starts our operators in this namespace and in `others`.
    pub async fn start_operator_with(&self, others: &[&Sandbox]) -> Operator {
        let namespaces: Vec<&str> =
            std::iter::once(self).chain(others.iter().copied()).map(Self::namespace).collect();
        Operator::start(&operator::registry(), self.cluster.kubeconfig(), &namespaces).await
    }

    /// The API of one kind in this namespace.
    #[must_use]
    pub fn api<K: Namespaced>(&self) -> Api<K> {
        Api::namespaced(self.client(), &self.namespace)
    }

    /// Creates `object`.
    pub async fn create<K: Namespaced>(&self, object: &K) -> K {
        self.try_create(object)
            .await
            .unwrap_or_else(|error| panic!("{error}, for\n{}", describe(object)))
    }

    /// Creates `object`; returns the API server's error.
    pub async fn try_create<K: Namespaced>(&self, object: &K) -> kube::Result<K> {
        let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        self.api().create(&params, object).await
    }

    /// Applies JSON with the tests' field manager, by force.
    pub async fn apply<K: Namespaced>(&self, name: &str, object: Value) -> K {
        self.api()
            .patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object))
            .await
            .unwrap()
    }

    /// Changes an object by a merge patch, with the tests' field manager.
    pub async fn merge<K: Namespaced>(&self, name: &str, patch: Value) -> K {
        self.patch(name, &Patch::Merge(patch)).await
    }

    /// Changes an object by a patch, with the tests' field manager.
    pub async fn patch<K: Namespaced>(&self, name: &str, patch: &Patch<Value>) -> K {
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        self.api().patch(name, &params, patch).await.unwrap()
    }

    /// Reads an object that exists.
    pub async fn get<K: Namespaced>(&self, name: &str) -> K {
        self.api().get(name).await.unwrap()
    }

    /// Reads an object that may not exist.
    pub async fn find<K: Namespaced>(&self, name: &str) -> Option<K> {
        self.api().get_opt(name).await.unwrap()
    }

    /// Lists all objects of a kind.
    pub async fn list<K: Namespaced>(&self) -> Vec<K> {
        self.api().list(&ListParams::default()).await.unwrap().items
    }

    /// Requests the deletion of an object without waiting. The object may not exist.
    pub async fn delete<K: Namespaced>(&self, name: &str) {
        self.delete_with::<K>(name, &DeleteParams::background()).await;
    }

    /// Like [`delete`](Self::delete), with these parameters.
    pub async fn delete_with<K: Namespaced>(&self, name: &str, params: &DeleteParams) {
        match self.api::<K>().delete(name, params).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            result => drop(result.unwrap()),
        }
    }

    /// Waits until an object exists and fulfils `condition`. `what` completes "until the object
    /// ...".
    #[track_caller]
    pub fn until<K: Namespaced>(
        &self,
        name: &str,
        what: impl Display,
        mut condition: impl FnMut(&K) -> bool,
    ) -> impl Future<Output = K> {
        let api = self.api::<K>();
        eventually(SOON, format!("{} {name} {what}", K::kind(&())), async move || {
            match api.get_opt(name).await.map_err(|e| e.to_string())? {
                Some(object) if condition(&object) => Ok(object),
                Some(object) => Err(describe(&object)),
                None => Err("it does not exist".to_owned()),
            }
        })
    }

    /// Waits until an object's `Ready` condition is true for its present generation.
    #[track_caller]
    pub fn until_ready<K: Namespaced>(&self, name: &str) -> impl Future<Output = K> {
        self.until(name, "is ready", |object: &K| condition(object, "Ready").is_true())
    }

    /// Waits until an object's `Ready` condition is false for this reason.
    #[track_caller]
    pub fn until_not_ready<K: Namespaced>(
        &self,
        name: &str,
        reason: &str,
    ) -> impl Future<Output = K> {
        let what = format!("is not ready because of {reason}");
        self.until(name, what, move |object: &K| {
            condition(object, "Ready").status_and_reason() == ("False", reason)
        })
    }

    /// Waits until no object of this name exists.
    #[track_caller]
    pub fn until_gone<K: Namespaced>(&self, name: &str) -> impl Future<Output = ()> {
        let api = self.api::<K>();
        eventually(LONG, format!("{} {name} is gone", K::kind(&())), async move || {
            match api.get_opt(name).await.map_err(|e| e.to_string())? {
                Some(object) => Err(describe(&object)),
                None => Ok(()),
            }
        })
    }

    /// Waits until no object of a kind exists.
    pub async fn until_none<K: Namespaced>(&self) {
        eventually(LONG, format!("no {} exists", K::kind(&())), async || {
            let left: Vec<String> = self.list::<K>().await.iter().map(describe).collect();
            if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
        })
        .await;
    }

    /// Sets the address of an Ingress, as its controller would; the Ingress may not exist yet.
    pub async fn set_address(&self, name: &str) {
        self.until(name, "exists", |_: &Ingress| true).await;
        let address = json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } });
        let patch = Patch::Merge(json!({ "status": address }));
        let api = self.api::<Ingress>();
        api.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Sets labels of the namespace itself; null removes a label.
    pub async fn label(&self, labels: Value) {
        let api: Api<Namespace> = Api::all(self.client());
        let patch = Patch::Merge(json!({ "metadata": { "labels": labels } }));
        api.patch(&self.namespace, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Sets annotations of the namespace itself; null removes an annotation.
    pub async fn annotate(&self, annotations: Value) {
        let api: Api<Namespace> = Api::all(self.client());
        let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
        api.patch(&self.namespace, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Requests the deletion of the namespace.
    pub async fn delete_namespace(&self) {
        let api: Api<Namespace> = Api::all(self.client());
        api.delete(&self.namespace, &DeleteParams::background()).await.unwrap();
    }

    /// Waits until the namespace is gone.
    pub async fn until_namespace_gone(&self) {
        let api: Api<Namespace> = Api::all(self.client());
        eventually(LONG, format!("the namespace {} is gone", self.namespace), async || {
            match api.get_opt(&self.namespace).await.map_err(|e| e.to_string())? {
                Some(namespace) => Err(describe(&namespace)),
                None => Ok(()),
            }
        })
        .await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let namespace = self.namespace.clone();
        // The test's own client may wait on the thread that runs this code.
        self.cluster.blocking(async |client| {
            let api: Api<Namespace> = Api::all(client);
            // A test may have deleted the namespace itself.
            let _ = api.delete(&namespace, &DeleteParams::background()).await;
        });
    }
}

/// `t-ABOUT-1k3j2h4g-7`: readable, and unique across processes.
fn unique(about: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!("t-{about}-{time:x}-{:x}-{number}", std::process::id())
}

fn from<K: Object>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        assert_ne!(unique("a"), unique("a"));
    }
}
