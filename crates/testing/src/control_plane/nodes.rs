//! The nodes that kwok pretends there are. Pure data, but for [`settle`].

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::error::Error;
use super::kubectl::Kubectl;
use crate::home::write_private;
use crate::progress::Step;

/// Marks our nodes among those that a user may have added.
const LABEL: &str = "type";
const LABEL_VALUE: &str = "kwok";
/// Pods on one node. A kubelet stops at 110; here a node costs more than its pods.
const PODS: u32 = 4000;
/// Addresses on one node: a /20, so that all [`PODS`] get one.
const RANGE: u32 = 4096;
/// 10.128.0.0/9 is cut into ranges; Services have 10.96.0.0/12.
const FIRST_ADDRESS: u32 = (10 << 24) | (128 << 16);
const _: () = assert!(PODS < RANGE);

/// The nodes with these numbers.
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
                "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "", "kubeProxyVersion": "",
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

/// Makes the nodes be `count`, and waits until they are ready. `folder` is for a file, `logs` for
/// an error.
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
    let superfluous: Vec<&str> =
        present.iter().copied().filter(|name| !wanted.contains(*name)).collect();
    if !superfluous.is_empty() {
        // One request for all of them: `kubectl delete` sends two for each, five a second.
        let selector =
            format!("labelSelector=kubernetes.io/hostname%20in%20({})", superfluous.join(","));
        kubectl.run(&["delete", "--raw", &format!("/api/v1/nodes?{selector}")], limit)?;
    }
    let absent: Vec<u32> =
        (0..count).filter(|index| !present.contains(name(*index).as_str())).collect();
    if !absent.is_empty() {
        let file = folder.join("nodes.json");
        write_private(&file, manifest(absent.into_iter()).to_string().as_bytes())?;
        kubectl.run(&["create", "--validate=false", "-f", &file.to_string_lossy()], limit)?;
    }
    let deadline = Instant::now() + limit;
    loop {
        // One question about all of them: `kubectl wait` asks about each, and takes a second for
        // ten.
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

/// Asks for the status of each node's condition `Ready`, one a line.
const READY: &str =
    r#"jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
/// Between two questions; a node takes a few tenths of a second.
const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::spec::MOST_NODES;
    use super::*;

    #[test]
    fn every_node_has_a_pod_range_of_its_own_outside_that_of_services() {
        assert_eq!(range(0), "10.128.0.0/20");
        assert_eq!(range(1), "10.128.16.0/20");
        assert_eq!(range(MOST_NODES - 1), "10.255.240.0/20");
        let distinct: BTreeSet<String> = (0..MOST_NODES).map(range).collect();
        assert_eq!(distinct.len(), MOST_NODES as usize);
    }

    #[test]
    fn there_are_as_many_nodes_as_were_asked_for() {
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
