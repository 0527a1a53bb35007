//! Why a step failed, as far as it can be told from what was printed and from the cluster, and what
//! to do about it.

/// What a step's failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Rust's standard library for the target.
    AddTarget,
    /// Compiling the operator.
    Build {
        /// What is built for.
        target: &'static str,
    },
    /// Building the image.
    Image,
    /// Creating the kind cluster.
    CreateCluster,
    /// Using the one that exists.
    UseCluster,
    /// Loading images into the node.
    Load,
    /// Applying objects.
    Apply,
    /// Waiting for the operator.
    Rollout,
    /// Waiting for the samples.
    Samples,
    /// Deleting the cluster.
    Delete,
    /// Anything else.
    Other,
}

/// Names for the same trouble in what programs print, and what to do about it, wherever it shows.
const ANYWHERE: [(&[&str], &str); 4] = [
    (
        &["no space left on device"],
        "the disk is full; make room, for example with `docker system prune`",
    ),
    (
        &["cannot connect to the docker daemon", "is the docker daemon running"],
        "Docker does not answer; start it, or check DOCKER_HOST",
    ),
    (
        &["permission denied while trying to connect to the docker daemon"],
        "you may not use Docker; join the group `docker`, or run a rootless one",
    ),
    (
        &["too many open files"],
        "the machine's limit of watched files is used up; raise it: `sudo sysctl fs.inotify.max_user_instances=512`",
    ),
];

/// What to do about a failure of `stage` of which `printed` was seen.
pub(super) fn advice(stage: Stage, printed: &str) -> String {
    let printed = printed.to_lowercase();
    let says = |any: &[&str]| any.iter().any(|text| printed.contains(text));
    if let Some((_, advice)) = ANYWHERE.iter().find(|(texts, _)| says(texts)) {
        return (*advice).to_owned();
    }
    match stage {
        Stage::AddTarget => "the target could not be downloaded; is there a network?".to_owned(),
        Stage::Build { target } => format!(
            "the operator could not be built for {target}; what the compiler said is above. If parts in C fail, install a \
             compiler for musl (Debian, Ubuntu: `apt-get install musl-tools`)"
        ),
        Stage::Image => "Docker could not build the image; what it said is above".to_owned(),
        Stage::CreateCluster
            if says(&["pull access denied", "failed to pull image", "not found", "no such host", "timeout exceeded"]) =>
        {
            "the node's image could not be pulled; connect to a network, or name one that `docker images` lists: --node-image"
                .to_owned()
        }
        Stage::CreateCluster => {
            "kind could not create the cluster; what it said is above. `kind create cluster --retain` and `kind export logs` \
             keep what is needed to find out"
                .to_owned()
        }
        Stage::UseCluster => "the cluster does not answer; `docker ps -a` shows its node, `cargo xtask deploy-kind --delete` \
            removes it"
            .to_owned(),
        Stage::Load => "the image could not be loaded into the node; if Docker keeps images in containerd's store, \
            try `docker pull --platform` for the node's platform first"
            .to_owned(),
        Stage::Apply if says(&["connection refused", "unable to connect", "i/o timeout"]) => {
            "the cluster does not answer; `docker ps` shows whether its node runs, `cargo xtask deploy-kind --delete` removes it"
                .to_owned()
        }
        Stage::Apply => "the API server refused it; what it said is above".to_owned(),
        Stage::Rollout => "the operator did not become ready".to_owned(),
        Stage::Samples => "not every sample became ready".to_owned(),
        Stage::Delete => "kind could not delete the cluster; what it said is above".to_owned(),
        Stage::Other => "what it said is above".to_owned(),
    }
}

/// What the reasons of waiting containers (`kubectl get pods`) mean.
pub(super) fn advice_on_pods(pods: &str) -> Option<&'static str> {
    let says = |any: &[&str]| any.iter().any(|text| pods.contains(text));
    if says(&["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"]) {
        return Some(
            "a node cannot pull an image: connect it to a network, or have the image in the local Docker \
             (`docker pull`, `docker load`) and deploy again, which loads it; its imagePullPolicy must not be Always",
        );
    }
    if says(&["CrashLoopBackOff", "RunContainerError", "CreateContainerError"]) {
        return Some("a container does not stay up; its log is above");
    }
    if says(&["CreateContainerConfigError"]) {
        return Some("a container may not start as it is configured; the events are above");
    }
    says(&["Pending"]).then_some("a pod has no node to run on; the events are above")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_image_that_cannot_be_pulled_is_told_from_other_failures() {
        let pull = "ERROR: failed to create cluster: failed to pull image \"kindest/node:v9\": command docker pull failed";
        assert!(advice(Stage::CreateCluster, pull).contains("--node-image"));
        assert!(advice(Stage::CreateCluster, "ERROR: something else").contains("kind export logs"));
    }

    #[test]
    fn trouble_of_the_machine_is_recognised_wherever_it_shows() {
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
    fn a_build_that_fails_names_what_c_needs() {
        assert!(
            advice(Stage::Build { target: "x86_64-unknown-linux-musl" }, "").contains("musl-tools")
        );
    }

    #[test]
    fn waiting_containers_say_why() {
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
