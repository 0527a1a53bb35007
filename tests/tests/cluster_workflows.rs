//! Runs the scripts of the recipes for GitHub Actions and GitLab CI as the pages have them, with a
//! real `kubectl`, the rights of the documented service account, and a running operator. Steps that
//! need the Git host are left out.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod recipe_blocks;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use operator_api::preview::PreviewEnvironment;
use recipe_blocks::{Block, blocks_of};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;
use tests::cluster::{Sandbox, kubeconfig_of};
use tests::programs::kubectl;

/// The service account of the CI on the page.
const ACCOUNT: &str = "preview-ci";

/// A CI runner: a folder, `kubectl`, and a kubeconfig with the rights of the account.
struct Runner {
    folder: TempDir,
    kubectl: PathBuf,
    kubeconfig: PathBuf,
}

impl Runner {
    async fn new(sandbox: &Sandbox) -> Self {
        for document in blocks_of("README.md").iter().flat_map(Block::raw_documents) {
            match document["kind"].as_str().unwrap() {
                "ServiceAccount" => create::<ServiceAccount>(sandbox, document).await,
                "Role" => create::<Role>(sandbox, document).await,
                "RoleBinding" => create::<RoleBinding>(sandbox, document).await,
                _ => {}
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig =
            kubeconfig_of(sandbox.cluster(), sandbox.namespace(), ACCOUNT, folder.path()).await;
        Self { folder, kubectl: kubectl(), kubeconfig }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a script as a CI does: the first failing command ends the script.
    async fn run(&self, script: String, variables: &BTreeMap<String, String>) {
        let path = format!(
            "{}:{}",
            self.kubectl.parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        let mut command = Command::new("bash");
        command.args(["-e", "-o", "pipefail", "-c", &script]).current_dir(self.folder.path());
        command.env_clear().env("PATH", path).env("HOME", self.folder.path()).envs(variables);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let printed = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{script}\n\nprinted: {}",
            String::from_utf8_lossy(&printed)
        );
    }
}

/// Creates an object of the page in the namespace of the test.
async fn create<K: tests::cluster::Namespaced + DeserializeOwned>(
    sandbox: &Sandbox,
    mut object: Value,
) {
    object["metadata"]["namespace"] = sandbox.namespace().into();
    for subject in object["subjects"].as_array_mut().into_iter().flatten() {
        subject["namespace"] = sandbox.namespace().into();
    }
    let object: K = serde_json::from_value(object).unwrap();
    sandbox.create(&object).await;
}

fn lines(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_github_workflow_creates_a_preview_waits_for_its_url_and_deletes_it() {
    let sandbox = Sandbox::new("github").await;
    let _operator = sandbox.start_operator().await;
    let runner = Runner::new(&sandbox).await;
    let workflow = &blocks_of("github-actions.md")[0];
    let mut variables = workflow.variables();
    let (output, environment) = (runner.path("output"), runner.path("environment"));
    for (name, value) in [
        ("NAMESPACE", sandbox.namespace().to_owned()),
        ("PREVIEW_KUBECONFIG", fs::read_to_string(&runner.kubeconfig).unwrap()),
        ("RUNNER_TEMP", runner.folder.path().display().to_string()),
        ("GITHUB_OUTPUT", output.display().to_string()),
        ("GITHUB_ENV", environment.display().to_string()),
    ] {
        variables.insert(name.to_owned(), value);
    }
    let jobs = workflow.documents().remove(0)["jobs"].clone();
    let step = |job: &str, name: &str| {
        let steps = jobs[job]["steps"].as_array().unwrap();
        steps.iter().find(|step| step["name"] == name).unwrap()["run"].as_str().unwrap().to_owned()
    };
    runner.run(step("preview", "Log in to the cluster"), &variables).await;
    variables.extend(lines(&environment));
    runner.run(step("preview", "Apply the preview"), &variables).await;
    sandbox.set_address("pr-17").await;
    runner.run(step("preview", "Wait until it shows this commit"), &variables).await;
    assert_eq!(lines(&output)["url"], "https://pr-17.preview.example.com");
    runner.run(step("preview", "Show why it failed"), &variables).await;
    runner.run(step("remove", "Delete the preview"), &variables).await;
    sandbox.until_gone::<PreviewEnvironment>("pr-17").await;
    // The deletion also succeeds for a pull request without a preview.
    runner.run(step("remove", "Delete the preview"), &variables).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gitlab_pipeline_creates_a_preview_waits_for_its_url_and_deletes_it() {
    let sandbox = Sandbox::new("gitlab").await;
    let _operator = sandbox.start_operator().await;
    let runner = Runner::new(&sandbox).await;
    let pipeline = &blocks_of("gitlab-ci.md")[0];
    let mut variables = pipeline.variables();
    // GitLab gives a job a kubeconfig with a context for each agent.
    let mut config: Value =
        serde_json::from_str(&fs::read_to_string(&runner.kubeconfig).unwrap()).unwrap();
    config["contexts"][0]["name"] = variables["AGENT"].clone().into();
    config["current-context"] = "".into();
    fs::write(&runner.kubeconfig, config.to_string()).unwrap();
    variables.insert("KUBECONFIG".into(), runner.kubeconfig.display().to_string());
    variables.insert("NAMESPACE".into(), sandbox.namespace().into());
    variables.insert("CI_JOB_STATUS".into(), "failed".into());
    let written = pipeline.documents().remove(0);
    let script = |job: &str, key: &str| {
        written[job][key]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let (run, addressed) =
        (runner.run(script("preview", "script"), &variables), sandbox.set_address("mr-17"));
    tokio::join!(run, addressed);
    assert_eq!(
        lines(&runner.path("preview.env"))["PREVIEW_URL"],
        "https://mr-17.preview.example.com"
    );
    runner.run(script("preview", "after_script"), &variables).await;
    runner.run(script("remove", "script"), &variables).await;
    sandbox.until_gone::<PreviewEnvironment>("mr-17").await;
}
