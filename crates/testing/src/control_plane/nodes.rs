//! The nodes that kwok simulates.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::error::Error;
use super::kubectl::Kubectl;
use crate::home::write_private;
use crate::progress::Step;

/// Separates these nodes from nodes that a user adds.
const LABEL: &str = "type";
const LABEL_VALUE: &str = "kwok";
/// Pods per node. A kubelet allows 110; here each node costs more than its pods.
const PODS: u32 = 4000;
/// Addresses per node: a /20, so that all [`PODS`] get one.
const RANGE: u32 = 4096;
/// 10.128.0.0/9 is divided into ranges; Services have 10.96.0.0/12.
const FIRST_ADDRESS: u32 = (10 << 24) | (128 << 16);
const _: () = assert!(PODS < RANGE);

/// The manifest of the nodes with these numbers.
fn manifest(indices: impl Iterator<Item = u32>) -> Value {
    let items: Vec<Value> = indices.map(node).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

fn name(index: u32) -> String {
    format!("node-{index}")
}

fn node(index: u32) -> Value {
    let name = name(index);
    let range = range(index);
    let zone = ["a", "b", "c"][index as usize % 3];
    let resources = json!({"cpu": "1000", "memory": "4Ti", "pods": PODS.to_string()});
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {
                LABEL: LABEL_VALUE,
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/role": "agent",
                "node-role.kubernetes.io/agent": "",
                "topology.kubernetes.io/region": "local",
                "topology.kubernetes.io/zone": format!("local-{zone}"),
            },
        },
        "spec": {"podCIDR": range, "podCIDRs": [range]},
        "status": {
            "allocatable": resources,
            "capacity": resources,
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "fake",
                "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                "kubeProxyVersion": "",
                "machineID": "", "osImage": "", "systemUUID": "",
            },
        },
    })
}

/// The pod range of a node.
fn range(index: u32) -> String {
    let [a, b, c, d] = (FIRST_ADDRESS + index * RANGE).to_be_bytes();
    format!("{a}.{b}.{c}.{d}/20")
}

/// Creates or deletes nodes until there are `count`, and waits until they are ready. `folder` is
/// for a temporary file, `logs` for errors.
pub(super) fn settle(
    kubectl: &Kubectl,
    folder: &Path,
    logs: &Path,
    count: u32,
    limit: Duration,
    step: &Step<'_>,
) -> Result<(), Error> {
    let selector = format!("{LABEL}={LABEL_VALUE}");
    let list = kubectl.run(&["get", "nodes", "-l", &selector, "-o", "name"], limit)?;
    let present: BTreeSet<&str> =
        list.lines().filter_map(|line| line.strip_prefix("node/")).collect();
    let wanted: BTreeSet<String> = (0..count).map(name).collect();
    let extra: Vec<&str> = present.iter().copied().filter(|name| !wanted.contains(*name)).collect();
    if !extra.is_empty() {
        // One request for all: `kubectl delete` sends two per node, and five per second.
        let selector = format!("labelSelector=kubernetes.io/hostname%20in%20({})", extra.join(","));
        kubectl.run(&["delete", "--raw", &format!("/api/v1/nodes?{selector}")], limit)?;
    }
    let missing: Vec<u32> =
        (0..count).filter(|index| !present.contains(name(*index).as_str())).collect();
    if !missing.is_empty() {
        let file = folder.join("nodes.json");
        write_private(&file, manifest(missing.into_iter()).to_string().as_bytes())?;
        kubectl.run(&["create", "--validate=false", "-f", &file.to_string_lossy()], limit)?;
    }
    let deadline = Instant::now() + limit;
    loop {
        // One request for all: `kubectl wait` sends one per node, ten per second.
        let conditions = kubectl.run(&["get", "nodes", "-l", &selector, "-o", READY], limit)?;
        let ready = conditions.lines().filter(|status| *status == "True").count();
        step.count("nodes are ready", ready, wanted.len());
        if ready >= wanted.len() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let detail = format!("{ready} of {count} nodes are ready");
            return Err(Error::Timeout { what: "the nodes", limit, logs: logs.to_owned(), detail });
        }
        thread::sleep(PAUSE);
    }
}

/// Prints the status of each node's `Ready` condition on a line.
const READY: &str =
    r#"jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
/// The interval of requests. A node needs some tenths of a second.
const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::spec::MAX_NODES;
    use super::*;

    #[test]
    fn pod_ranges_of_nodes_are_distinct_and_outside_the_range_of_services() {
        assert_eq!(range(0), "10.128.0.0/20");
        assert_eq!(range(1), "10.128.16.0/20");
        assert_eq!(range(MAX_NODES - 1), "10.255.240.0/20");
        let distinct: BTreeSet<String> = (0..MAX_NODES).map(range).collect();
        assert_eq!(distinct.len(), MAX_NODES as usize);
    }

    #[test]
    fn the_manifest_contains_the_requested_number_of_nodes() {
        let manifest = manifest(0..3);
        let names: Vec<&str> = manifest["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["metadata"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["node-0", "node-1", "node-2"]);
    }
}
