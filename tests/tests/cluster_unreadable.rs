//! A resource that this version of the operator cannot read, on a real API server: a newer
//! definition allows a value that the operator does not know.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, PostParams};
use kube::core::ApiResource;
use kube::{CustomResource, CustomResourceExt, KubeSchema, ResourceExt};
use kubewright::{Children, Invalid, Registry, Status, View};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tests::cluster::{Operator, SOON, Sandbox, condition, describe, eventually};

#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Round,
}

/// A resource with a closed set of values.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug)]
#[kube(
    group = "unreadable.example.com",
    version = "v1",
    kind = "Figure",
    namespaced,
    status = "Status"
)]
struct FigureSpec {
    /// Its shape.
    shape: Shape,
}

struct FigureOperator;

impl kubewright::Operator for FigureOperator {
    const NAME: &'static str = "figure";
    type Resource = Figure;
    type Owns = (ConfigMap,);
    type Reads = ();
    type Facts = ();

    fn build(&self, figure: &Figure, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let mut config = ConfigMap::default();
        config.metadata.name.clone_from(&figure.metadata.name);
        Ok(Children::new().with(config))
    }
}

/// The definition of a newer version, with another shape.
fn newer_definition() -> CustomResourceDefinition {
    let mut definition = serde_json::to_value(Figure::crd()).unwrap();
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let shapes = &mut schema["properties"]["spec"]["properties"]["shape"]["enum"];
    shapes.as_array_mut().unwrap_or_else(|| panic!("the schema has no enum")).push("Square".into());
    serde_json::from_value(definition).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_the_operator_cannot_read_is_reported_and_the_others_go_on() {
    let sandbox = Sandbox::new("unreadable").await;
    sandbox.cluster().install(&[newer_definition()]).await;
    let registry = Registry::new("figure-operator").with(FigureOperator);
    let figure = |name: &str, shape: &str| -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "unreadable.example.com/v1", "kind": "Figure",
            "metadata": { "name": name }, "spec": { "shape": shape },
        }))
        .unwrap()
    };
    let figures: Api<DynamicObject> = Api::namespaced_with(
        sandbox.client(),
        sandbox.namespace(),
        &ApiResource::erase::<Figure>(&()),
    );
    figures.create(&PostParams::default(), &figure("early", "Square")).await.unwrap();
    let operator =
        Operator::start(&registry, sandbox.cluster().kubeconfig(), &[sandbox.namespace()]).await;
    figures.create(&PostParams::default(), &figure("late", "Square")).await.unwrap();
    figures.create(&PostParams::default(), &figure("good", "Round")).await.unwrap();
    sandbox.until_ready::<Figure>("good").await;
    for name in ["early", "late"] {
        eventually(SOON, format!("{name} is reported"), async || {
            let found = figures.get(name).await.map_err(|e| e.to_string())?;
            let ready = condition(&found, "Ready");
            if ready.status_and_reason() == ("False", "Unreadable")
                && ready.message.contains("Square")
                && condition(&found, "Stalled").is_true()
            {
                Ok(())
            } else {
                Err(describe(&found))
            }
        })
        .await;
        eventually(SOON, format!("an Event about {name} exists"), async || {
            let events: Vec<Event> = sandbox.list().await;
            let about = |event: &Event| {
                event.regarding.as_ref().and_then(|r| r.name.as_deref()) == Some(name)
                    && event.reason.as_deref() == Some("Unreadable")
            };
            let found = events.iter().filter(|event| about(event)).count();
            if found == 1 { Ok(()) } else { Err(format!("{found} Events")) }
        })
        .await;
        assert!(sandbox.find::<ConfigMap>(name).await.is_none());
    }
    let metrics = operator.until_at_rest().await;
    assert!(metrics.sum("kubewright_undecodable_objects_total", &[]) >= 2, "{metrics:?}");

    sandbox.merge::<Figure>("late", json!({ "spec": { "shape": "Round" } })).await;
    sandbox.until_ready::<Figure>("late").await;
    assert_eq!(sandbox.get::<ConfigMap>("late").await.name_any(), "late");
    operator.stop().await.unwrap();
}
