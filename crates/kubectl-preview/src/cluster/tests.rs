//! Requests, and the messages for their failures, against a server with prepared responses.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use serde_json::json;

use super::*;

/// The requests in order: `GET /path?query`.
pub(crate) type Requests = Arc<Mutex<Vec<String>>>;

/// A cluster whose server answers each request with a status code and a body.
pub(crate) fn cluster(
    answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static,
) -> (Cluster, Requests) {
    let requests = Requests::default();
    let (log, answer) = (Arc::clone(&requests), Arc::new(answer));
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
    let server = "https://cluster.example.com/".to_owned();
    (Cluster { client, server, namespace: "shop".to_owned() }, requests)
}

/// A metav1.Status of a failure. An empty `name` means that the API itself is missing.
pub(crate) fn failure(code: u16, reason: &str, message: &str, name: &str) -> (u16, String) {
    let details = match name {
        "" => json!({}),
        name => json!({ "name": name, "kind": "previewenvironments" }),
    };
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure",
        "code": code, "reason": reason, "message": message, "details": details,
    });
    (code, status.to_string())
}

/// A list of previews with these namespaces and names.
fn list(items: &[(&str, &str)], next: &str) -> (u16, String) {
    let item = |(namespace, name): &(&str, &str)| {
        json!({
            "apiVersion": "platform9.com/v1", "kind": "PreviewEnvironment",
            "metadata": { "namespace": namespace, "name": name },
            "spec": { "image": "a", "fqdn": "a.example.com" },
        })
    };
    let list = json!({
        "apiVersion": "platform9.com/v1", "kind": "PreviewEnvironmentList",
        "metadata": { "resourceVersion": "1", "continue": next },
        "items": items.iter().map(item).collect::<Vec<_>>(),
    });
    (200, list.to_string())
}

/// The message and the exit code of a failed get of `pr-17`.
async fn get_error(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> (String, u8) {
    let error = cluster(answer).0.get("pr-17").await.unwrap_err();
    (error.to_string(), error.exit_code())
}

/// `pr-17` does not exist, and a list returns `others`.
fn missing(others: (u16, String)) -> impl Fn(&str) -> (u16, String) + Send + Sync {
    move |request| {
        if request.contains("/pr-17") {
            failure(404, "NotFound", "not found", "pr-17")
        } else {
            others.clone()
        }
    }
}

#[tokio::test]
async fn a_preview_that_does_not_exist_suggests_similar_names() {
    let others = list(&[("shop", "pr-71"), ("shop", "docs"), ("shop", "pr-177")], "");
    let (message, code) = get_error(missing(others)).await;
    let expected = "namespace shop has no preview pr-17; similar names: pr-177, pr-71";
    assert_eq!((&*message, code), (expected, 3));
}

#[tokio::test]
async fn a_preview_of_another_namespace_suggests_the_namespace() {
    let answer = |request: &str| match request {
        request if request.contains("/pr-17") => failure(404, "NotFound", "not found", "pr-17"),
        request if request.contains("/namespaces/shop/") => list(&[("shop", "docs")], ""),
        request if request.contains("metadata.name%3Dpr-17") => list(&[("team-b", "pr-17")], ""),
        request => panic!("{request}"),
    };
    let (message, code) = get_error(answer).await;
    let expected = "namespace shop has no preview pr-17; namespace team-b has one: add -n team-b";
    assert_eq!((&*message, code), (expected, 3));
}

#[tokio::test]
async fn an_empty_namespace_suggests_the_other_namespaces() {
    let (message, _) = get_error(missing(list(&[], ""))).await;
    assert_eq!(
        message,
        "namespace shop has no preview pr-17, nor any other; \
         `kubectl preview list -A` lists all namespaces"
    );
}

#[tokio::test]
async fn a_user_who_may_not_list_previews_gets_no_suggestion() {
    let (message, _) = get_error(missing(failure(403, "Forbidden", "no", ""))).await;
    assert_eq!(message, "namespace shop has no preview pr-17");
}

#[tokio::test]
async fn a_cluster_without_the_definition_needs_an_installation() {
    for answer in [
        (404, "404 page not found\n".to_owned()),
        failure(404, "NotFound", "the server could not find the requested resource", ""),
    ] {
        let (message, code) = get_error(move |_| answer.clone()).await;
        let expected =
            "the cluster at https://cluster.example.com/ does not serve PreviewEnvironment";
        assert!(message.starts_with(expected) && message.contains("install the operator"));
        assert_eq!(code, 3);
    }
    let (cluster, _) = cluster(|_| (404, "404 page not found\n".to_owned()));
    assert!(matches!(cluster.list(true, None).await, Err(Error::NoApi { .. })));
}

#[tokio::test]
async fn a_failed_request_shows_the_message_of_the_server_and_what_to_do() {
    for (status, expected) in [
        (
            failure(403, "Forbidden", "User \"jane\" cannot get resource", "pr-17"),
            "access denied: User \"jane\" cannot get resource; \
             ask an administrator of the cluster for this right",
        ),
        (
            failure(401, "Unauthorized", "Unauthorized", ""),
            "the cluster at https://cluster.example.com/ rejects your credentials (Unauthorized); \
             log in again, or select other credentials with --context",
        ),
        (
            failure(503, "ServiceUnavailable", "etcd is down", ""),
            "the API server failed: etcd is down; try again",
        ),
    ] {
        assert_eq!(get_error(move |_| status.clone()).await, (expected.to_owned(), 4));
    }
}

/// The message and the exit code of a patch that fails.
async fn patch_error(response: (u16, String)) -> (String, u8) {
    let preview = crate::preview::tests::preview("web", &json!({}), &json!({}));
    let (cluster, _) = cluster(move |_| response.clone());
    let error = cluster.patch(&preview, &json!({ "pinned": true })).await.unwrap_err();
    (error.to_string(), error.exit_code())
}

#[tokio::test]
async fn a_preview_that_was_created_again_is_not_changed() {
    let cause = json!({
        "reason": "FieldValueInvalid", "message": "field is immutable", "field": "metadata.uid",
    });
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": 422, "reason": "Invalid", "message": "x",
        "details": { "name": "web", "kind": "PreviewEnvironment", "causes": [cause] },
    });
    let (message, code) = patch_error((422, status.to_string())).await;
    let expected = "the preview web was deleted and created again in the meantime; nothing was";
    assert!(message.starts_with(expected), "{message}");
    assert_eq!(code, 4);
}

#[tokio::test]
async fn a_rejected_patch_and_a_patch_of_a_deleted_preview_are_errors() {
    assert_eq!(
        patch_error(failure(404, "NotFound", "not found", "web")).await,
        ("the preview web was deleted".to_owned(), 3)
    );
    assert_eq!(
        patch_error(failure(422, "Invalid", "spec.pinned: no", "web")).await,
        ("the API server rejected the request: spec.pinned: no".to_owned(), 4)
    );
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page() {
    let (cluster, requests) = cluster(|request| {
        if request.contains("continue=more") {
            list(&[("shop", "b")], "")
        } else {
            list(&[("shop", "a")], "more")
        }
    });
    let previews = cluster.list(false, Some("team=web")).await.unwrap();
    let names: Vec<String> = previews.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["a", "b"]);
    let requests = requests.lock().unwrap();
    for part in ["labelSelector=team%3Dweb", "limit=500"] {
        assert!(requests.iter().all(|request| request.contains(part)), "{requests:?}");
    }
}

#[test]
fn the_most_similar_name_is_the_first_and_unlike_names_are_left_out() {
    let names = ["pr-17", "pr-18", "documentation", "pr-170"].map(str::to_owned);
    assert_eq!(similar_names("pr-71", names.into_iter())[0], "pr-17");
    assert_eq!(similar_names("web", ["documentation".to_owned()].into_iter()), [""; 0]);
}
