//! Replaces the placeholders of the recipes' tools with values for one pull request. An unknown
//! placeholder is a failure.

use std::collections::BTreeMap;

use serde_json::Value;

const NUMBER: &str = "17";
const COMMIT: &str = "3f2a9c1d5e7b8a6049f1c2d3e4b5a69788776655";
/// A valid but malicious name of a Git branch.
const BRANCH: &str = r#"x"},{"$(id)"#;
const AUTHOR: &str = "dependabot[bot]";

/// Replaces `${{ }}` of GitHub, `{{ }}` of Argo CD and `<< >>` of Flux.
pub(super) fn replace_expressions(text: &str) -> String {
    let text = replace_between(text, "${{", "}}", &github);
    let text = replace_between(&text, "{{", "}}", &argo_cd);
    replace_between(&text, "<< ", " >>", &flux)
}

fn replace_between(
    text: &str,
    open: &str,
    close: &str,
    value: &dyn Fn(&str) -> Option<String>,
) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        let (inside, after) =
            after.split_once(close).unwrap_or_else(|| panic!("{open} without {close}: {after}"));
        out.push_str(before);
        out.push_str(
            &value(inside.trim())
                .unwrap_or_else(|| panic!("unknown placeholder: {open} {inside} {close}")),
        );
        rest = after;
    }
    out + rest
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn github(expression: &str) -> Option<String> {
    Some(match expression {
        "github.event.pull_request.number" => NUMBER.to_owned(),
        "github.event.pull_request.head.sha" => COMMIT.to_owned(),
        "github.repository" => "team/app".to_owned(),
        "github.actor" => "octocat".to_owned(),
        "github.token" | "secrets.GITHUB_TOKEN" | "secrets.PREVIEW_KUBECONFIG" => {
            "secret".to_owned()
        }
        "env.IMAGE" => "ghcr.io/team/app:1".to_owned(),
        "steps.wait.outputs.url" => "https://pr-17.preview.example.com".to_owned(),
        _ => return None,
    })
}

fn argo_cd(expression: &str) -> Option<String> {
    Some(match expression {
        ".number" => NUMBER.to_owned(),
        ".head_sha" => COMMIT.to_owned(),
        ".head_sha | quote" => quoted(COMMIT),
        ".branch | quote" => quoted(BRANCH),
        ".author | quote" => quoted(AUTHOR),
        _ => return None,
    })
}

fn flux(expression: &str) -> Option<String> {
    Some(match expression {
        "inputs.id" | "inputs.id | int" => NUMBER.to_owned(),
        "inputs.sha" => COMMIT.to_owned(),
        "inputs.sha | quote" => quoted(COMMIT),
        "inputs.branch | quote" => quoted(BRANCH),
        "inputs.author | quote" => quoted(AUTHOR),
        _ => return None,
    })
}

/// The variables of a script in `document`: the variables of GitLab, and those that the document
/// sets.
pub(super) fn variables(document: &Value) -> BTreeMap<String, String> {
    let of_gitlab = [
        ("CI_MERGE_REQUEST_IID", NUMBER),
        ("CI_COMMIT_SHA", COMMIT),
        ("CI_PROJECT_PATH", "team/app"),
        ("CI_PROJECT_URL", "https://gitlab.example.com/team/app"),
        ("CI_REGISTRY_IMAGE", "registry.example.com/team/app"),
    ];
    let mut variables: BTreeMap<String, String> =
        of_gitlab.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for (name, value) in
        ["env", "variables"].iter().filter_map(|key| document.get(key)?.as_object()).flatten()
    {
        let value =
            value.as_str().map_or_else(|| value.to_string(), |text| expanded(text, &variables));
        variables.insert(name.clone(), value);
    }
    variables
}

/// The expanded here-document (`<<EOF`) of a script.
pub(super) fn heredoc(script: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let (_, after) = script.split_once("<<EOF\n")?;
    let (inside, _) = after.split_once("\nEOF").expect("the text ends");
    Some(expanded(inside, variables))
}

/// Replaces each `$NAME` once; values are not expanded again.
fn expanded(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut parts = text.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        out.push_str(
            variables.get(name).unwrap_or_else(|| panic!("${name} is not set, in {text}")),
        );
        out.push_str(rest);
    }
    out
}
