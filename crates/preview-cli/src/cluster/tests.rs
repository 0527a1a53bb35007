//! Answers of API servers, and what a person is told: a server that answers from a table stands in
//! for the real one.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use serde_json::json;

use super::*;

/// What was asked, in order: `GET /path?query`.
pub(crate) type Asked = Arc<Mutex<Vec<String>>>;

/// A cluster that answers with status and body.
pub(crate) fn cluster(
    answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static,
) -> (Cluster, Asked) {
    let asked = Asked::default();
    let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
    let service = tower::service_fn(move |request: Request<Body>| {
        let line = format!("{} {}", request.method(), request.uri());
        log.lock().unwrap().push(line.clone());
        let (code, body) = answer(&line);
        let response = Response::builder()
            .status(code)
            .header("content-type", "application/json")
            .body(Body::from(body.into_bytes()));
        async move { Ok::<_, tower::BoxError>(response?) }
    });
    let client = Client::new(service, "shop");
    (
        Cluster {
            client,
            server: "https://cluster.example.com/".to_owned(),
            namespace: "shop".to_owned(),
        },
        asked,
    )
}

/// A metav1.Status that says no.
pub(crate) fn failure(code: u16, reason: &str, message: &str, name: &str) -> (u16, String) {
    let details = if name.is_empty() {
        json!({})
    } else {
        json!({ "name": name, "kind": "previewenvironments" })
    };
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message, "details": details,
    });
    (code, status.to_string())
}

/// A list of previews with these namespaces and names.
pub(crate) fn list(items: &[(&str, &str)], next: &str) -> (u16, String) {
    let items: Vec<Value> = items
        .iter()
        .map(|(namespace, name)| {
            json!({
                "apiVersion": "platform9.com/v1", "kind": "PreviewEnvironment",
                "metadata": { "namespace": namespace, "name": name }, "spec": { "image": "a", "fqdn": "a.example.com" },
            })
        })
        .collect();
    let list = json!({
        "apiVersion": "platform9.com/v1", "kind": "PreviewEnvironmentList",
        "metadata": { "resourceVersion": "1", "continue": next }, "items": items,
    });
    (200, list.to_string())
}

async fn told(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> (String, u8) {
    let error = cluster(answer).0.get("pr-17").await.unwrap_err();
    (error.to_string(), error.number())
}

/// No preview here, and `others` in the list.
fn missing(others: (u16, String)) -> impl Fn(&str) -> (u16, String) + Send + Sync {
    move |asked| {
        if asked.contains("/pr-17") {
            failure(404, "NotFound", "not found", "pr-17")
        } else {
            others.clone()
        }
    }
}

#[tokio::test]
async fn a_preview_that_is_not_there_is_answered_with_those_that_are_like_it() {
    let (said, code) =
        told(missing(list(&[("shop", "pr-71"), ("shop", "docs"), ("shop", "pr-177")], ""))).await;
    assert_eq!(
        (said.as_str(), code),
        ("there is no preview pr-17 in namespace shop; there is pr-177, pr-71", 3)
    );
}

#[tokio::test]
async fn a_preview_of_another_namespace_is_found_there() {
    let answer = |asked: &str| match asked {
        asked if asked.contains("/pr-17") => failure(404, "NotFound", "not found", "pr-17"),
        asked if asked.contains("/namespaces/shop/") => list(&[("shop", "docs")], ""),
        asked if asked.contains("metadata.name%3Dpr-17") => list(&[("team-b", "pr-17")], ""),
        asked => panic!("{asked}"),
    };
    let (said, code) = told(answer).await;
    assert_eq!(
        said,
        "there is no preview pr-17 in namespace shop; there is one in namespace team-b: add -n team-b"
    );
    assert_eq!(code, 3);
}

#[tokio::test]
async fn where_nothing_else_may_be_seen_the_answer_is_short() {
    let (said, _) = told(missing(failure(403, "Forbidden", "no", ""))).await;
    assert_eq!(
        said,
        "there is no preview pr-17 in namespace shop, nor any other; `list -A` shows those of all namespaces"
    );
}

#[tokio::test]
async fn a_cluster_without_the_definition_says_what_to_install() {
    for answer in [
        (404, "404 page not found\n".to_owned()),
        failure(404, "NotFound", "the server could not find the requested resource", ""),
    ] {
        let (said, code) = told(move |_| answer.clone()).await;
        assert!(
            said.starts_with(
                "the cluster at https://cluster.example.com/ does not know PreviewEnvironments"
            ),
            "{said}"
        );
        assert_eq!(code, 3);
    }
    let (cluster, _) = cluster(|_| (404, "404 page not found\n".to_owned()));
    assert!(matches!(cluster.list(true, None).await, Err(Error::NoApi { .. })));
}

#[tokio::test]
async fn what_is_not_allowed_is_told_in_the_servers_words() {
    let message =
        "previewenvironments.platform9.com is forbidden: User \"jane\" cannot get resource";
    let (said, code) = told(move |_| failure(403, "Forbidden", message, "pr-17")).await;
    assert_eq!(
        said,
        format!(
            "you may not do that: {message}; ask an administrator of the cluster for the right"
        )
    );
    assert_eq!(code, 4);
    let (said, code) = told(|_| failure(401, "Unauthorized", "Unauthorized", "")).await;
    assert!(
        said.contains("does not accept your credentials (Unauthorized): log in again"),
        "{said}"
    );
    assert_eq!(code, 4);
    let (said, code) = told(|_| failure(503, "ServiceUnavailable", "etcd is down", "")).await;
    assert_eq!(
        (said.as_str(), code),
        ("the API server cannot do it now: etcd is down; try again", 4)
    );
}

#[tokio::test]
async fn a_preview_that_was_made_again_is_left_alone_and_one_that_is_gone_is_told() {
    let preview = crate::preview::tests::preview("web", &json!({}), &json!({}));
    // As an API server answers.
    let immutable = json!({ "reason": "FieldValueInvalid", "message": "field is immutable", "field": "metadata.uid" });
    let details = json!({ "name": "web", "kind": "PreviewEnvironment", "causes": [immutable] });
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 422, "reason": "Invalid", "message": "x", "details": details });
    let (one, _) = cluster(move |_| (422, status.to_string()));
    let error = one.change(&preview, &json!({ "pinned": true })).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("web was deleted and made again while this was done; nothing was changed"),
        "{error}"
    );
    assert_eq!(error.number(), 4);
    let (other, _) = cluster(|_| failure(404, "NotFound", "not found", "web"));
    let error = other.change(&preview, &json!({ "pinned": true })).await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.number()),
        ("the preview web was deleted meanwhile", 3)
    );
    let (third, _) = cluster(|_| failure(422, "Invalid", "spec.pinned: no", "web"));
    let error = third.change(&preview, &json!({ "pinned": true })).await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.number()),
        ("the API server did not take it: spec.pinned: no", 4)
    );
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page() {
    let (cluster, asked) = cluster(|asked| {
        if asked.contains("continue=more") {
            list(&[("shop", "b")], "")
        } else {
            list(&[("shop", "a")], "more")
        }
    });
    let names: Vec<String> = cluster
        .list(false, Some("team=web"))
        .await
        .unwrap()
        .iter()
        .map(ResourceExt::name_any)
        .collect();
    assert_eq!(names, ["a", "b"]);
    let asked = asked.lock().unwrap();
    assert!(
        asked
            .iter()
            .all(|line| line.contains("labelSelector=team%3Dweb") && line.contains("limit=500")),
        "{asked:?}"
    );
}

#[test]
fn the_nearest_names_come_first_and_strange_ones_not_at_all() {
    let names = ["pr-17", "pr-18", "documentation", "pr-170"].map(str::to_owned);
    assert_eq!(alike("pr-71", names.into_iter())[0], "pr-17");
    assert_eq!(alike("web", ["documentation".to_owned()].into_iter()), [""; 0]);
}
