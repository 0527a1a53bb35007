//! List items that the operator applied and no longer wants, and that others own as well, on a real
//! control plane. Server-side apply would keep them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::core::v1::Service;
use operator_api::echo::Echo;
use serde_json::json;
use tests::cluster::Sandbox;
use tests::fixtures::{ExampleEchoFixture, echo};

/// Another owner of the port that the operator applied: a second manager, or one that the API
/// server invents after `managedFields` were cleared.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_gets_another_number_although_others_own_it_as_well() {
    let sandbox = Sandbox::new("drift-port").await;
    let operator = sandbox.start_operator().await;
    for name in ["shared", "cleared"] {
        sandbox.create(&echo(name).with_port(80)).await;
        sandbox.until(name, "exists", |_: &Service| true).await;
    }
    let ports = json!([{ "port": 80, "protocol": "TCP", "name": "http" }]);
    let service: Service = sandbox.get("shared").await;
    let port = service.spec.unwrap().ports.unwrap().remove(0);
    assert_eq!(port.name.as_deref(), Some("http"), "the API server rejects two ports of one name");
    let applied = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "shared" },
        "spec": { "ports": ports } });
    sandbox.apply::<Service>("shared", applied).await;
    let cleared = json!({ "metadata": { "managedFields": [{}] } });
    sandbox.merge::<Service>("cleared", cleared).await;
    let is_applied = |service: &Service| {
        let entries = service.metadata.managed_fields.iter().flatten();
        let managers: Vec<_> = entries.filter_map(|entry| entry.manager.as_deref()).collect();
        managers.contains(&"before-first-apply") && managers.contains(&operator::NAME)
    };
    sandbox.until("cleared", "is applied again", is_applied).await;
    operator.until_at_rest().await;
    for name in ["shared", "cleared"] {
        sandbox.merge::<Echo>(name, json!({ "spec": { "service": { "port": 8080 } } })).await;
        let ports = |service: &Service| -> Vec<i32> {
            let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
            ports.map(|port| port.port).collect()
        };
        sandbox.until(name, "has the new port", |service| ports(service) == [8080]).await;
    }
}
