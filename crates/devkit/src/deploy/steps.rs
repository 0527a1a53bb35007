//! The steps of a deployment as data.

use std::path::Path;

use super::error::DeployError;
use super::facts::{Compiler, Facts, Target};
use super::failure::Stage;
use super::image::{DOCKERFILE, PROGRAM};
use super::samples;
use crate::arguments::{DEFAULT_KIND_CLUSTER, DeployArguments, named};
use crate::invocation::Invocation;
use crate::project::Project;

/// A command with its purpose.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The purpose, for the user.
    pub(super) about: String,
    pub(super) call: Invocation,
    /// The kind of the step, for advice after a failure.
    pub(super) stage: Stage,
}

/// Everything that the steps depend on.
#[derive(Clone, Debug)]
pub(super) struct Plan<'a> {
    project: &'a Project,
    arguments: &'a DeployArguments,
    facts: &'a Facts,
    /// The project's folder.
    root: &'a Path,
    pub(super) kubeconfig: &'a Path,
    /// The program.
    kubectl: String,
    /// Images of the samples that are in the local Docker.
    images: Vec<String>,
    /// kubectl's names of the operator's custom resources.
    pub(super) definitions: Vec<String>,
}

/// The arguments that apply objects. The field manager is not kubectl's own, which is for changes
/// that a person makes.
pub(crate) const APPLY: [&str; 4] =
    ["apply", "--server-side", "--force-conflicts", "--field-manager=kubewright-devkit"];
/// The build context, relative to the project. Git ignores it.
const CONTEXT: &str = "target/kubewright/image";

impl<'a> Plan<'a> {
    pub(super) fn new(
        project: &'a Project,
        arguments: &'a DeployArguments,
        root: &'a Path,
        kubeconfig: &'a Path,
        kubectl: String,
        facts: &'a Facts,
    ) -> Result<Self, DeployError> {
        let mut images: Vec<String> = samples::images(&project.registry)?.into_iter().collect();
        images.retain(|image| facts.images.contains(image));
        let definitions = project.registry.definitions();
        let definitions = definitions.iter().map(|definition| definition.kind.resource()).collect();
        Ok(Self { project, arguments, facts, root, kubeconfig, kubectl, images, definitions })
    }

    /// The operator's name: its Deployment, and the label of its objects.
    pub(super) fn operator(&self) -> &'static str {
        self.project.registry.name()
    }

    /// The namespace of the operator.
    pub(super) fn namespace(&self) -> String {
        self.project.options.system_namespace_of(&self.project.registry)
    }

    /// The operator's image.
    fn image(&self) -> String {
        self.project.options.image_of(&self.project.registry)
    }

    /// All steps.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = self.build();
        steps.extend(self.cluster());
        steps.extend(self.load());
        steps.extend(self.install());
        steps.extend(self.samples());
        steps
    }

    /// kubectl on this cluster, without settings of the user.
    pub(super) fn kubectl(&self) -> Invocation {
        Invocation::new(&self.kubectl)
            .arg("--kubeconfig")
            .arg(self.kubeconfig.to_string_lossy())
            .folder(self.root)
    }

    /// Commands that show why pods are not ready. The pods come first.
    pub(super) fn diagnostics(&self, stage: Stage) -> Vec<Invocation> {
        let (system, deployment) = (self.namespace(), format!("deployment/{}", self.operator()));
        let logs = ["logs", &deployment, "--namespace", &system, "--tail", "40"];
        let namespace = if stage == Stage::Rollout { &system } else { samples::NAMESPACE };
        let in_namespace = |arguments: &[&str]| {
            self.kubectl().args(arguments.iter().copied()).args(["--namespace", namespace])
        };
        let mut calls = vec![
            in_namespace(&["get", "pods", "-o", "wide"]),
            in_namespace(&[
                "get",
                "events",
                "--sort-by",
                ".lastTimestamp",
                "--field-selector",
                "type!=Normal",
            ]),
        ];
        if stage == Stage::Samples {
            calls.push(in_namespace(&["get", &self.definitions.join(",")]));
        }
        calls.push(self.kubectl().args(logs));
        calls
    }

    /// The command that deletes the cluster.
    pub(super) fn delete_command(&self) -> String {
        named("cargo xtask deploy-kind --delete", &self.arguments.name, DEFAULT_KIND_CLUSTER)
    }

    fn step(&self, about: impl Into<String>, stage: Stage, call: Invocation) -> Step {
        Step { about: about.into(), stage, call: call.folder(self.root) }
    }

    fn build(&self) -> Vec<Step> {
        let package = self.project.operator;
        let target = self.facts.rust_target().unwrap_or("x86_64-unknown-linux-musl");
        let mut steps = Vec::new();
        if self.facts.target == Target::CanBeAdded {
            let add = Invocation::new("rustup").args(["target", "add", target]);
            steps.push(self.step(
                "Add Rust's standard library for static programs",
                Stage::AddTarget,
                add,
            ));
        }
        // An explicit folder, because CARGO_TARGET_DIR may be set.
        let cargo = [
            "build",
            "--release",
            "--locked",
            "--package",
            package,
            "--bin",
            package,
            "--target",
            target,
            "--target-dir",
            "target",
        ];
        let mut cargo = Invocation::cargo().args(cargo);
        if self.facts.compiler == Compiler::Host {
            // Ubuntu's compiler calls checked variants of memcpy and others, which musl lacks.
            let variable = target.replace('-', "_");
            cargo = cargo
                .env(format!("CC_{variable}"), "cc")
                .env(format!("CFLAGS_{variable}"), "-U_FORTIFY_SOURCE");
        }
        steps.push(self.step(
            "Build the operator as a static program",
            Stage::Build { target },
            cargo,
        ));
        let (from, to) =
            (format!("target/{target}/release/{package}"), format!("{CONTEXT}/{PROGRAM}"));
        steps.push(self.step(
            "Create a folder for the image",
            Stage::Other,
            Invocation::new("mkdir").args(["-p", CONTEXT]),
        ));
        steps.push(self.step(
            "Copy the program to the folder",
            Stage::Other,
            Invocation::new("cp").args([&from, &to]),
        ));
        let build = Invocation::new("docker")
            .args(["build", "--tag", &self.image(), "--file", "-", CONTEXT])
            .stdin_text(DOCKERFILE);
        steps.push(self.step("Build the image", Stage::Image, build));
        steps
    }

    fn cluster(&self) -> Vec<Step> {
        let kind = |arguments: &[&str]| Invocation::new("kind").args(arguments.iter().copied());
        let kubeconfig = self.kubeconfig.to_string_lossy();
        let mut steps = Vec::new();
        if self.facts.exists {
            let export = kind(&[
                "export",
                "kubeconfig",
                "--name",
                &self.arguments.name,
                "--kubeconfig",
                &kubeconfig,
            ]);
            steps.push(self.step(
                format!("Use the existing kind cluster `{}`", self.arguments.name),
                Stage::UseCluster,
                export,
            ));
        } else {
            let mut create = kind(&[
                "create",
                "cluster",
                "--name",
                &self.arguments.name,
                "--kubeconfig",
                &kubeconfig,
            ]);
            if let Some(image) = &self.arguments.node_image {
                create = create.args(["--image", image]);
            }
            let create = create.args(["--wait", &format!("{}s", self.arguments.timeout)]);
            steps.push(self.step(
                format!("Create the kind cluster `{}`", self.arguments.name),
                Stage::CreateCluster,
                create,
            ));
        }
        if self.arguments.export_kubeconfig {
            let export = kind(&["export", "kubeconfig", "--name", &self.arguments.name]);
            steps.push(self.step("Add the cluster to your kubeconfig", Stage::UseCluster, export));
        }
        steps
    }

    fn load(&self) -> Vec<Step> {
        let load = Invocation::new("kind").args([
            "load",
            "docker-image",
            "--name",
            &self.arguments.name,
            &self.image(),
        ]);
        let mut steps =
            vec![self.step("Load the operator's image into the node", Stage::Load, load)];
        if !self.images.is_empty() {
            let load = Invocation::new("kind")
                .args(["load", "docker-image", "--name", &self.arguments.name])
                .args(&self.images);
            steps.push(self.step(
                "Load the samples' images from the local Docker into the node",
                Stage::Load,
                load,
            ));
        }
        steps
    }

    fn install(&self) -> Vec<Step> {
        let deployment = format!("deployment/{}", self.operator());
        let namespace = ["--namespace", &self.namespace()];
        let definitions: Vec<String> =
            self.definitions.iter().map(|name| format!("crd/{name}")).collect();
        let established = self
            .kubectl()
            .args(["wait", "--for=condition=Established", "--timeout=60s"])
            .args(definitions);
        let rollout = self
            .kubectl()
            .args(["rollout", "status", &deployment])
            .args(namespace)
            .arg(self.timeout());
        let mut steps = vec![
            self.step("Apply the CustomResourceDefinitions", Stage::Apply, self.apply("crds")),
            self.step("Wait until the definitions are established", Stage::Apply, established),
            self.step(
                "Apply the operator: RBAC and Deployment",
                Stage::Apply,
                self.apply("install.yaml"),
            ),
        ];
        if self.facts.exists {
            // The tag of the image is unchanged, so that an apply does not restart the pods.
            let restart = self.kubectl().args(["rollout", "restart", &deployment]).args(namespace);
            steps.push(self.step("Restart the operator with the new image", Stage::Apply, restart));
        }
        steps.push(self.step("Wait until the operator is ready", Stage::Rollout, rollout));
        steps
    }

    fn samples(&self) -> Vec<Step> {
        let namespace = ["--namespace", samples::NAMESPACE];
        let files = format!("{}/samples", self.project.generated);
        // `wait` also reads subfolders, unlike `apply`. They contain samples of kinds without a
        // controller.
        let ready = ["wait", "--for=condition=Ready", "--recursive=false", "--filename", &files];
        let wait = self.kubectl().args(ready).args(namespace).arg(self.timeout());
        vec![
            self.step("Apply the samples", Stage::Apply, self.apply("samples").args(namespace)),
            self.step("Wait until the samples are ready", Stage::Samples, wait),
        ]
    }

    fn timeout(&self) -> String {
        format!("--timeout={}s", self.arguments.timeout)
    }

    fn apply(&self, path: &str) -> Invocation {
        let path = format!("{}/{path}", self.project.generated);
        self.kubectl().args(APPLY).args(["--filename", &path])
    }
}

/// Deletes the cluster. A missing cluster is no error.
pub(super) fn delete(cluster: &str, kubeconfig: &Path) -> Step {
    let kubeconfig = kubeconfig.to_string_lossy();
    let call = Invocation::new("kind").args([
        "delete",
        "cluster",
        "--name",
        cluster,
        "--kubeconfig",
        &kubeconfig,
    ]);
    Step { about: format!("Delete the kind cluster `{cluster}`"), call, stage: Stage::Delete }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kubewright_core::Registry;

    use super::super::facts::tests::complete;
    use super::*;

    fn arguments() -> DeployArguments {
        DeployArguments {
            name: "kubewright".into(),
            node_image: None,
            export_kubeconfig: false,
            timeout: 180,
            dry_run: true,
            delete: false,
        }
    }

    fn with_plan<T>(
        arguments: &DeployArguments,
        facts: &Facts,
        use_plan: impl Fn(&Plan<'_>) -> T,
    ) -> T {
        let project = Project::new(Registry::new("our-operator"), "operator");
        let (root, kubeconfig) = (Path::new("/project"), Path::new("/home/kind/kubewright"));
        let mut plan =
            Plan::new(&project, arguments, root, kubeconfig, "kubectl".to_owned(), facts).unwrap();
        plan.definitions = vec!["echoes.example.com".into()];
        plan.images = vec!["hashicorp/http-echo:1.0.0".into()];
        use_plan(&plan)
    }

    fn printed(arguments: &DeployArguments, facts: &Facts) -> String {
        let shown = |step: Step| format!("# {}\n{}", step.about, step.call);
        let all = |plan: &Plan<'_>| plan.steps().into_iter().map(shown).collect::<Vec<_>>();
        with_plan(arguments, facts, all).join("\n")
    }

    #[test]
    fn all_steps_from_no_cluster_to_ready_samples() {
        let arguments =
            DeployArguments { node_image: Some("kindest/node:v1.36.3".into()), ..arguments() };
        insta::assert_snapshot!(printed(&arguments, &complete()));
    }

    #[test]
    fn an_existing_cluster_is_used_and_its_operator_is_restarted() {
        let facts = Facts { exists: true, ..complete() };
        let printed = printed(&arguments(), &facts);
        assert!(!printed.contains("kind create"), "{printed}");
        assert!(
            printed.contains(
                "kind export kubeconfig --name kubewright --kubeconfig /home/kind/kubewright\n"
            ),
            "{printed}"
        );
        let restart = printed.find("rollout restart deployment/our-operator").unwrap();
        assert!(printed.find("rollout status").unwrap() > restart, "{printed}");
    }

    #[test]
    fn a_kubeconfig_of_the_user_changes_only_on_request() {
        let calls = |export_kubeconfig| {
            let arguments = DeployArguments { export_kubeconfig, ..arguments() };
            let calls =
                |plan: &Plan<'_>| plan.steps().iter().map(|step| step.call.to_string()).collect();
            with_plan::<Vec<String>>(&arguments, &complete(), calls)
        };
        let theirs = |call: &&String| {
            let is_kubernetes = call.starts_with("kubectl ")
                || call.starts_with("kind create")
                || call.starts_with("kind export");
            is_kubernetes && !call.contains("--kubeconfig /home/kind/kubewright")
        };
        assert_eq!(calls(false).iter().filter(theirs).count(), 0);
        let asked = calls(true);
        let touching: Vec<&String> = asked.iter().filter(theirs).collect();
        assert_eq!(touching, ["kind export kubeconfig --name kubewright"]);
    }

    #[test]
    fn a_missing_target_is_added_and_a_missing_musl_compiler_is_replaced() {
        let facts = Facts { target: Target::CanBeAdded, compiler: Compiler::Host, ..complete() };
        let printed = printed(&arguments(), &facts);
        assert!(printed.contains("\nrustup target add x86_64-unknown-linux-musl\n"), "{printed}");
        assert!(printed.contains("CC_x86_64_unknown_linux_musl=cc "), "{printed}");
    }

    #[test]
    fn diagnostics_start_with_the_pods() {
        let first = |stage| {
            with_plan(&arguments(), &complete(), |plan| plan.diagnostics(stage)[0].to_string())
        };
        assert!(
            first(Stage::Rollout).ends_with("get pods -o wide --namespace our-operator-system"),
            "{}",
            first(Stage::Rollout)
        );
        assert!(
            first(Stage::Samples).ends_with("--namespace default"),
            "{}",
            first(Stage::Samples)
        );
    }

    #[test]
    fn the_delete_command_contains_the_cluster_and_its_own_kubeconfig() {
        let call = delete("mine", Path::new("/home/kind/mine")).call.to_string();
        assert_eq!(call, "kind delete cluster --name mine --kubeconfig /home/kind/mine");
    }
}
