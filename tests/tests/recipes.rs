//! Checks the recipes in `docs/previews/`: every YAML block parses, every PreviewEnvironment is
//! valid and has children, links lead to headings, and the workflows expose no secrets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod recipe_blocks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use kubewright::FakeCluster;
use kubewright::controller::Controller;
use kubewright::manifests::validate::{Severity, Validator};
use recipe_blocks::{blocks, blocks_of, folder, pages};
use serde_json::{Value, json};
use tests::fixtures::restricted_namespace;

fn controller() -> Arc<dyn Controller> {
    Arc::clone(
        operator::registry().controller_of("platform9.com/v1", "PreviewEnvironment").unwrap(),
    )
}

/// The problems that `operator render` would report for a preview.
fn problems(mut preview: Value) -> Vec<String> {
    let controller = controller();
    let problems = Validator::new(&controller.crd()).validate(&mut preview);
    let problems: Vec<String> = problems
        .iter()
        .filter(|p| p.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    if !problems.is_empty() {
        return problems;
    }
    preview["metadata"]["namespace"] = "previews".into();
    preview["metadata"]["uid"] = "11111111-2222-3333-4444-555555555555".into();
    let resource = controller.decode(preview.to_string().as_bytes()).unwrap();
    let cluster = FakeCluster::empty().with(restricted_namespace("previews"));
    let built = controller.build(operator::NAME.into(), &*resource, &cluster).unwrap();
    let children = match built.children {
        Ok(children) => children,
        Err(invalid) => return vec![invalid.to_string()],
    };
    let type_ = preview["spec"]["route"]["type"].as_str().filter(|type_| *type_ != "None");
    let missing = type_.filter(|type_| !children.iter().any(|child| child.kind.kind == **type_));
    missing
        .map(|type_| format!("no {type_} is among the children: is a Gateway named?"))
        .into_iter()
        .collect()
}

#[test]
fn every_block_parses_with_and_without_its_placeholders() {
    let all = blocks();
    assert!(all.len() > 12, "{} blocks", all.len());
    for block in all {
        assert!(!block.raw_documents().is_empty(), "{} is empty", block.place);
        assert_eq!(block.raw_documents().len(), block.documents().len(), "{}", block.place);
    }
}

#[test]
fn every_recipe_has_a_valid_preview() {
    let recipes = [
        "README.md",
        "argo-cd.md",
        "flux.md",
        "github-actions.md",
        "gitlab-ci.md",
        "gateway-api.md",
        "ingress.md",
        "ambassador.md",
    ];
    let mut with_previews = BTreeSet::new();
    for block in blocks() {
        for preview in block.previews() {
            assert_eq!(problems(preview.clone()), [""; 0], "{}: {preview:#}", block.place);
            with_previews.insert(block.place.split(':').next().unwrap().to_owned());
        }
    }
    assert_eq!(with_previews, recipes.map(str::to_owned).into());
}

/// A merge patch of RFC 7396. Kustomize patches unknown kinds like this.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    for (name, value) in fields {
        merge(&mut target[name.as_str()], value);
    }
}

#[test]
fn argo_cd_renders_the_preview_of_the_pull_request_from_manifest_and_patch() {
    let blocks = blocks_of("argo-cd.md");
    let previews: Vec<Value> = blocks.iter().flat_map(recipe_blocks::Block::previews).collect();
    let [base, patch] = &previews[..] else {
        panic!("expected a manifest and a patch: {previews:#?}")
    };
    let set = blocks
        .iter()
        .flat_map(recipe_blocks::Block::documents)
        .find(|d| d["kind"] == "ApplicationSet")
        .unwrap();
    let suffix =
        set["spec"]["template"]["spec"]["source"]["kustomize"]["nameSuffix"].as_str().unwrap();
    assert_eq!(
        base["metadata"]["name"], patch["metadata"]["name"],
        "Kustomize finds the object to patch by its name"
    );
    let mut rendered = base.clone();
    merge(&mut rendered, patch);
    rendered["metadata"]["name"] =
        format!("{}{suffix}", base["metadata"]["name"].as_str().unwrap()).into();
    assert_eq!(problems(rendered.clone()), [""; 0]);
    assert_eq!(
        (&rendered["metadata"]["name"], &rendered["spec"]["fqdn"]),
        (&json!("pr-17"), &json!("pr-17.preview.example.com"))
    );
    assert_eq!(
        (&rendered["spec"]["port"], &rendered["spec"]["source"]["pullRequest"]),
        (&json!(3000), &json!(17))
    );
}

/// Expressions whose values the author of a pull request chooses.
const UNTRUSTED: [&str; 9] = [
    "pull_request.title",
    "pull_request.body",
    "head.ref",
    "head_ref",
    "head.label",
    "_TITLE",
    "_DESCRIPTION",
    "_BRANCH_NAME",
    "_COMMIT_MESSAGE",
];

fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(map) => map.values().for_each(|item| texts(item, into)),
        _ => {}
    }
}

fn assert_nothing_untrusted(workflow: &Value) {
    let mut all = Vec::new();
    texts(workflow, &mut all);
    for text in all {
        for untrusted in UNTRUSTED {
            assert!(!text.contains(untrusted), "{untrusted} in: {text}");
        }
    }
}

#[test]
fn the_github_workflow_keeps_secrets_from_forks_and_untrusted_text_from_scripts() {
    let workflow = blocks_of("github-actions.md").remove(0).raw_documents().remove(0);
    assert_nothing_untrusted(&workflow);
    let on: Vec<&String> = workflow["on"].as_object().unwrap().keys().collect();
    assert_eq!(on, ["pull_request"], "another trigger would give a fork the secrets");
    assert_eq!(
        workflow["on"]["pull_request"]["types"],
        json!(["opened", "reopened", "synchronize", "closed"])
    );
    assert_eq!(workflow["permissions"], json!({}), "each job requests its own permissions");
    let jobs = workflow["jobs"].as_object().unwrap();
    assert_eq!(jobs.keys().collect::<Vec<_>>(), ["build", "preview", "remove"]);
    let same_repository = "github.event.pull_request.head.repo.full_name == github.repository";
    let guarded = |job: &Value| {
        job["if"].as_str().is_some_and(|condition| condition.contains(same_repository))
    };
    for (name, job) in jobs {
        let by_need = job["needs"].as_str().is_some_and(|needed| guarded(&jobs[needed]));
        assert!(guarded(job) || by_need, "{name} also runs for forks");
        for step in job["steps"].as_array().unwrap() {
            let run = step["run"].as_str().unwrap_or_default();
            assert!(!run.contains("${{"), "{name}: an expression is part of the script: {run}");
            assert_ne!(step.get("run").is_some(), step.get("uses").is_some(), "{name}: {step:#}");
            assert!(
                step["uses"].as_str().is_none_or(|action| action.contains('@')),
                "{name}: {step:#}"
            );
        }
    }
    let closed = |job: &str, operator: &str| {
        jobs[job]["if"].as_str().unwrap().contains(&format!("action {operator} 'closed'"))
    };
    assert!(closed("build", "!=") && closed("remove", "=="));
    let remove = jobs["remove"]["steps"].to_string();
    assert!(remove.contains("kubectl delete previewenvironment"), "{remove}");
}

#[test]
fn the_gitlab_pipeline_runs_only_for_its_own_project_and_deletes_its_preview() {
    let pipeline = blocks_of("gitlab-ci.md").remove(0).raw_documents().remove(0);
    assert_nothing_untrusted(&pipeline);
    let template = &pipeline[".of-this-project"];
    for name in ["build", "preview", "remove"] {
        let job = &pipeline[name];
        let rules =
            if job["extends"] == ".of-this-project" { &template["rules"] } else { &job["rules"] };
        for rule in rules.as_array().unwrap() {
            let condition = rule["if"].as_str().unwrap();
            assert!(
                condition.contains("$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID"),
                "{name}: {condition}"
            );
        }
        assert!(
            pipeline["stages"].as_array().unwrap().contains(&job["stage"]),
            "{name}: {}",
            job["stage"]
        );
        assert!(job["image"].is_string() && job["script"].is_array(), "{name}");
    }
    let (preview, remove) =
        (&pipeline["preview"]["environment"], &pipeline["remove"]["environment"]);
    assert_eq!((&preview["on_stop"], &remove["action"]), (&json!("remove"), &json!("stop")));
    assert_eq!(preview["name"], remove["name"], "GitLab stops an environment by its name");
    assert_eq!(pipeline["remove"]["rules"][0]["when"], "manual");
    assert!(pipeline["remove"]["script"].to_string().contains("kubectl delete previewenvironment"));
    assert_eq!(
        pipeline["preview"]["artifacts"]["reports"]["dotenv"], "preview.env",
        "GitLab reads the URL from this file"
    );
}

/// The anchors of the headings as GitHub names them: repeated anchors get a number.
fn anchors(page: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for heading in page.lines().filter(|line| line.starts_with('#')) {
        let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        let anchor: String =
            words.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
        let count = counts.entry(anchor.clone()).and_modify(|count| *count += 1).or_insert(0);
        anchors.push(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
    }
    anchors
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut count = 0;
    for (page, text) in pages() {
        for link in text
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap())
            .filter(|link| !link.starts_with("http"))
        {
            let (path, anchor) =
                link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let file =
                if path.is_empty() { folder().join(&page) } else { folder().join(Path::new(path)) };
            let target =
                std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{page}: {link}: {e}"));
            let found =
                anchor.is_none_or(|anchor| anchors(&target).iter().any(|one| one == anchor));
            assert!(found, "{page}: the target of {link} has no such heading");
            count += 1;
        }
    }
    assert!(count > 15, "{count} links");
}
