//! What holds for every object that an operator here makes, whatever the resource asks for.

use serde_json::Value;

/// What is wrong with the objects of one resource.
pub(crate) fn broken(children: &[Value]) -> Vec<String> {
    let mut broken = Vec::new();
    for child in children {
        names(child, &mut broken);
        empties(child, "", &mut broken);
        duplicates(child, "", &mut broken);
    }
    selectors(children, &mut broken);
    broken
}

fn names(child: &Value, broken: &mut Vec<String>) {
    let kind = &child["kind"];
    let name = child["metadata"]["name"].as_str().unwrap_or_default();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if name.len() > 63 || !begins || name.ends_with('-') || !name.chars().all(fits) {
        broken.push(format!("{kind}: {name} is not a DNS label of RFC 1035"));
    }
    let labels = [
        &child["metadata"]["labels"],
        &child["spec"]["selector"],
        &child["spec"]["selector"]["matchLabels"],
    ];
    for (key, value) in labels.iter().filter_map(|l| l.as_object()).flatten() {
        let Some(value) = value.as_str() else { continue };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let ends = |c: char| c.is_ascii_alphanumeric();
        if value.len() > 63
            || !value.chars().all(fits)
            || !value.starts_with(ends)
            || !value.ends_with(ends)
        {
            broken.push(format!("{kind}: label {key}: {value} is not a label value"));
        }
    }
}

/// Nulls, empty lists and empty maps: tools that compare with git take them for drift, and to own
/// an empty map is to take away what others put there.
fn empties(value: &Value, path: &str, broken: &mut Vec<String>) {
    match value {
        Value::Null => broken.push(format!("{path} is null")),
        Value::Array(items) if items.is_empty() => broken.push(format!("{path} is an empty list")),
        Value::Object(map) if map.is_empty() => broken.push(format!("{path} is an empty map")),
        Value::Array(items) => {
            items.iter().for_each(|item| empties(item, &format!("{path}[]"), broken))
        }
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| empties(value, &format!("{path}.{key}"), broken))
        }
        _ => {}
    }
}

/// Two items of one name in a list: server-side apply refuses them.
fn duplicates(value: &Value, path: &str, broken: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            let mut names: Vec<&str> =
                items.iter().filter_map(|item| item["name"].as_str()).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            if names.len() < all {
                broken.push(format!("{path} has two items of one name"));
            }
            for item in items {
                duplicates(item, &format!("{path}[]"), broken);
            }
        }
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| duplicates(value, &format!("{path}.{key}"), broken))
        }
        _ => {}
    }
}

/// A Deployment selects exactly its own pods, the Service the same ones, at a port that they have.
fn selectors(children: &[Value], broken: &mut Vec<String>) {
    let of_kind = |kind: &str| children.iter().find(|child| child["kind"] == kind);
    let (Some(deployment), Some(service)) = (of_kind("Deployment"), of_kind("Service")) else {
        if !children.is_empty() {
            broken.push("there is no Deployment or no Service".to_owned());
        }
        return;
    };
    let pods = &deployment["spec"]["template"]["metadata"]["labels"];
    if *pods != deployment["spec"]["selector"]["matchLabels"]
        || *pods != service["spec"]["selector"]
    {
        broken.push("Deployment, pods and Service do not have the same labels".to_owned());
    }
    for (key, value) in pods.as_object().into_iter().flatten() {
        if deployment["metadata"]["labels"][key] != *value {
            broken.push(format!("the Deployment's own label {key} is not that of its pods"));
        }
    }
    let port = &deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"];
    if *port != service["spec"]["ports"][0]["targetPort"] {
        broken.push("the Service leads to a port that the pods do not have".to_owned());
    }
}

/// What keeps a pod from passing the Pod Security Standard *restricted*, as far as our pods use
/// what it is about.
pub(crate) fn not_restricted(pod: &Value) -> Vec<&'static str> {
    let context = &pod["securityContext"];
    let containers = pod["containers"].as_array().map_or(&[][..], Vec::as_slice);
    let all = |holds: &dyn Fn(&Value) -> bool| {
        !containers.is_empty() && containers.iter().all(|c| holds(&c["securityContext"]))
    };
    let rules = [
        ("runAsNonRoot is not true", context["runAsNonRoot"] == true),
        ("runAsUser is root", context["runAsUser"] != 0),
        (
            "seccompProfile is not RuntimeDefault",
            context["seccompProfile"]["type"] == "RuntimeDefault",
        ),
        ("allowPrivilegeEscalation is not false", all(&|c| c["allowPrivilegeEscalation"] == false)),
        (
            "capabilities are not dropped",
            all(&|c| c["capabilities"] == serde_json::json!({ "drop": ["ALL"] })),
        ),
        (
            "a container overrides its pod",
            all(&|c| c["runAsNonRoot"].is_null() && c["runAsUser"].is_null()),
        ),
        (
            "the pod shares something with its node",
            ["hostNetwork", "hostPID", "hostIPC"].iter().all(|f| pod[f].is_null()),
        ),
        ("there are volumes", pod["volumes"].is_null()),
    ];
    rules.into_iter().filter(|(_, holds)| !holds).map(|(broken, _)| broken).collect()
}
