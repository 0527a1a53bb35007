//! Explains why a step failed, from its output and from the state of the pods.

/// The part of a deployment that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Add Rust's standard library for the target.
    AddTarget,
    /// Compile the operator.
    Build {
        /// The target.
        target: &'static str,
    },
    /// Build the image.
    Image,
    /// Create the kind cluster.
    CreateCluster,
    /// Use the existing cluster.
    UseCluster,
    /// Load images into the node.
    Load,
    /// Apply objects.
    Apply,
    /// Wait for the operator.
    Rollout,
    /// Wait for the samples.
    Samples,
    /// Delete the cluster.
    Delete,
    /// Any other step.
    Other,
}

/// Errors that can occur in any step: parts of the output, and the remedy.
const ANYWHERE: [(&[&str], &str); 4] = [
    (
        &["no space left on device"],
        "the disk is full; free some space, for example with `docker system prune`",
    ),
    (
        &["cannot connect to the docker daemon", "is the docker daemon running"],
        "Docker does not answer; start it, or check DOCKER_HOST",
    ),
    (
        &["permission denied while trying to connect to the docker daemon"],
        "you are not allowed to use Docker; join the group `docker`, or use a rootless Docker",
    ),
    (
        &["too many open files"],
        "the limit of watched files is reached; increase it with \
         `sudo sysctl fs.inotify.max_user_instances=512`",
    ),
];

/// The remedy for a failed `stage` with this output.
pub(super) fn advice(stage: Stage, printed: &str) -> String {
    let printed = printed.to_lowercase();
    let contains_any = |any: &[&str]| any.iter().any(|text| printed.contains(text));
    if let Some((_, advice)) = ANYWHERE.iter().find(|(texts, _)| contains_any(texts)) {
        return (*advice).to_owned();
    }
    match stage {
        Stage::AddTarget => "cannot download the target; check the network".to_owned(),
        Stage::Build { target } => format!(
            "cannot build the operator for {target}; see the compiler's messages above. \
             If C code does not compile, install a compiler for musl \
             (Debian, Ubuntu: `apt-get install musl-tools`)"
        ),
        Stage::Image => "Docker cannot build the image; see its output above".to_owned(),
        Stage::CreateCluster
            if contains_any(&[
                "pull access denied",
                "failed to pull image",
                "not found",
                "no such host",
                "timeout exceeded",
            ]) =>
        {
            "cannot pull the node image; check the network, or set --node-image to an image \
             that `docker images` lists"
                .to_owned()
        }
        Stage::CreateCluster => "kind cannot create the cluster; see its output above. \
            `kind create cluster --retain` and `kind export logs` keep the details"
            .to_owned(),
        Stage::UseCluster => "the cluster does not answer; `docker ps -a` shows its node, \
            `cargo xtask deploy-kind --delete` removes it"
            .to_owned(),
        Stage::Load => "cannot load the image into the node; if Docker uses containerd's image \
            store, try `docker pull --platform` for the platform of the node first"
            .to_owned(),
        Stage::Apply
            if contains_any(&["connection refused", "unable to connect", "i/o timeout"]) =>
        {
            "the cluster does not answer; `docker ps` shows whether its node runs, \
             `cargo xtask deploy-kind --delete` removes it"
                .to_owned()
        }
        Stage::Apply => "the API server rejected an object; see its message above".to_owned(),
        Stage::Rollout => "the operator did not become ready".to_owned(),
        Stage::Samples => "not all samples became ready".to_owned(),
        Stage::Delete => "kind cannot delete the cluster; see its output above".to_owned(),
        Stage::Other => "see its output above".to_owned(),
    }
}

/// The meaning of the states of waiting containers in the output of `kubectl get pods`.
pub(super) fn advice_on_pods(pods: &str) -> Option<&'static str> {
    let contains_any = |any: &[&str]| any.iter().any(|text| pods.contains(text));
    if contains_any(&["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"])
    {
        return Some(
            "a node cannot pull an image: connect it to a network, or add the image to the local \
             Docker (`docker pull`, `docker load`) and deploy again; \
             the imagePullPolicy must not be Always",
        );
    }
    if contains_any(&["CrashLoopBackOff", "RunContainerError", "CreateContainerError"]) {
        return Some("a container exits repeatedly; see its log above");
    }
    if contains_any(&["CreateContainerConfigError"]) {
        return Some("the configuration of a container is invalid; see the events above");
    }
    contains_any(&["Pending"]).then_some("no node accepts a pod; see the events above")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_for_a_node_image_that_cannot_be_pulled_names_the_flag() {
        let pull = "ERROR: failed to create cluster: failed to pull image \"kindest/node:v9\": \
                    command docker pull failed";
        assert!(advice(Stage::CreateCluster, pull).contains("--node-image"));
        assert!(advice(Stage::CreateCluster, "ERROR: something else").contains("kind export logs"));
    }

    #[test]
    fn errors_of_the_machine_are_recognised_in_every_step() {
        for stage in [Stage::Image, Stage::CreateCluster, Stage::Load] {
            assert!(
                advice(stage, "write /x: no space left on device").contains("docker system prune"),
                "{stage:?}"
            );
            assert!(
                advice(stage, "Cannot connect to the Docker daemon at unix:///x")
                    .contains("start it"),
                "{stage:?}"
            );
        }
    }

    #[test]
    fn the_advice_for_a_failed_build_names_the_c_compiler() {
        assert!(
            advice(Stage::Build { target: "x86_64-unknown-linux-musl" }, "").contains("musl-tools")
        );
    }

    #[test]
    fn the_state_of_a_waiting_container_leads_to_advice() {
        let pods = |reason: &str| format!("NAME READY STATUS\noperator-1 0/1 {reason} 3s");
        assert!(
            advice_on_pods(&pods("ErrImagePull"))
                .is_some_and(|advice| advice.contains("docker pull"))
        );
        assert!(
            advice_on_pods(&pods("CrashLoopBackOff")).is_some_and(|advice| advice.contains("log"))
        );
        assert_eq!(advice_on_pods(&pods("Running")), None);
    }
}
