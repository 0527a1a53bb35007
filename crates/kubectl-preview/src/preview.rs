//! One preview as the API server returned it, and what follows from it without a request.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use kube::api::DynamicObject;
use kubewright_core::condition::{READY, STALLED};
use operator_api::preview::{
    HOST_CONFLICT, NOT_ACCEPTED, PreviewEnvironment, PreviewEnvironmentSpec,
    PreviewEnvironmentStatus, ROUTE_ACCEPTED, SUSPENDED, TOO_MANY_PREVIEWS,
};
use serde_json::Value;

use crate::error::Error;

/// The reasons of Stalled that end when another preview is deleted, without an edit.
const NEEDS_ANOTHER_DELETED: [&str; 2] = [HOST_CONFLICT, TOO_MANY_PREVIEWS];

/// Before the name in `-o name`.
const KIND: &str = "previewenvironment.platform9.com";

#[derive(Clone, Debug)]
pub(crate) struct Preview {
    /// The response of the API server, including fields that this program does not know.
    pub(crate) raw: Value,
    typed: PreviewEnvironment,
}

/// The state in one word, which users see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Deleting,
    /// The operator has not processed the last change.
    Pending,
    /// The preview needs an edit.
    Stalled,
    /// The preview matches its spec and runs no pods.
    Sleeping,
    Ready,
    /// The preview is progressing, or waiting for something.
    NotReady,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    Never,
    /// Never, as long as the preview is pinned.
    Pinned,
    /// The operator has not reported the expiry.
    Unknown,
    At(Timestamp),
}

impl Preview {
    pub(crate) fn read(object: DynamicObject) -> Result<Self, Error> {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let read = || {
            let mut raw = serde_json::to_value(object)?;
            remove_managed_fields(&mut raw);
            let typed = serde_json::from_value(raw.clone())?;
            Ok(Self { raw, typed })
        };
        read().map_err(|source| Error::Unreadable { namespace, name, source })
    }

    pub(crate) fn name(&self) -> String {
        self.typed.name_any()
    }

    /// The name with its kind: `previewenvironment.platform9.com/web`.
    pub(crate) fn typed_name(&self) -> String {
        format!("{KIND}/{}", self.name())
    }

    pub(crate) fn namespace(&self) -> String {
        self.typed.namespace().unwrap_or_default()
    }

    pub(crate) fn uid(&self) -> &str {
        self.typed.metadata.uid.as_deref().unwrap_or_default()
    }

    pub(crate) fn resource_version(&self) -> &str {
        self.typed.metadata.resource_version.as_deref().unwrap_or_default()
    }

    pub(crate) fn created(&self) -> Option<Timestamp> {
        self.typed.metadata.creation_timestamp.as_ref().map(|time| time.0)
    }

    pub(crate) fn spec(&self) -> &PreviewEnvironmentSpec {
        &self.typed.spec
    }

    /// The status, or an empty one if there is none yet.
    pub(crate) fn status(&self) -> &PreviewEnvironmentStatus {
        static EMPTY: std::sync::LazyLock<PreviewEnvironmentStatus> =
            std::sync::LazyLock::new(Default::default);
        self.typed.status.as_ref().unwrap_or(&EMPTY)
    }

    pub(crate) fn is_being_deleted(&self) -> bool {
        self.typed.metadata.deletion_timestamp.is_some()
    }

    /// Whether the status describes the current spec.
    pub(crate) fn is_current(&self) -> bool {
        let observed = self.status().observed_generation;
        observed.is_some() && observed >= self.typed.metadata.generation
    }

    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.status().conditions
    }

    pub(crate) fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions().iter().find(|condition| condition.type_ == type_)
    }

    /// The condition, if it is True for the current spec.
    fn true_condition(&self, type_: &str) -> Option<&Condition> {
        let generation = self.typed.metadata.generation;
        self.condition(type_).filter(|condition| {
            let observed = condition.observed_generation;
            let current = observed.is_none_or(|observed| Some(observed) >= generation);
            self.is_current() && condition.status == "True" && current
        })
    }

    /// The condition Stalled, if the preview needs an edit.
    pub(crate) fn stalled(&self) -> Option<&Condition> {
        self.true_condition(STALLED)
            .filter(|stalled| !NEEDS_ANOTHER_DELETED.contains(&&*stalled.reason))
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.true_condition(READY).is_some()
    }

    /// Whether the preview matches its spec and runs no pods: it is suspended, has no replicas, or
    /// a policy allows none. A preview that waits for the deletion of another one does not match.
    pub(crate) fn is_sleeping(&self) -> bool {
        let no_replicas =
            || self.status().ready.as_deref().is_some_and(|ready| ready.ends_with("/0"));
        let is_suspended = self.true_condition(SUSPENDED).is_some();
        is_suspended && self.true_condition(STALLED).is_none() || self.is_ready() && no_replicas()
    }

    /// Whether the preview is ready, but the controller of its route has not accepted the route
    /// and still may. A route that is not requested or whose API is not served stays so.
    pub(crate) fn is_waiting_for_its_route(&self) -> bool {
        let undecided =
            |route: &Condition| route.status == "Unknown" || route.reason == NOT_ACCEPTED;
        self.is_ready()
            && !self.is_sleeping()
            && self.url().is_none()
            && self.condition(ROUTE_ACCEPTED).is_some_and(undecided)
    }

    pub(crate) fn state(&self) -> State {
        match () {
            () if self.is_being_deleted() => State::Deleting,
            () if !self.is_current() => State::Pending,
            () if self.stalled().is_some() => State::Stalled,
            () if self.is_sleeping() => State::Sleeping,
            () if self.is_ready() => State::Ready,
            () => State::NotReady,
        }
    }

    /// The URL, unless it belongs to an older spec.
    pub(crate) fn url(&self) -> Option<&str> {
        self.status().url.as_deref().filter(|_| self.is_current() && !self.is_being_deleted())
    }

    /// Why there is no URL. The route comes first: without a route, pods are of no use.
    pub(crate) fn why_no_url(&self) -> String {
        let name = self.name();
        if self.is_being_deleted() {
            return "it is being deleted".to_owned();
        }
        if !self.is_current() {
            return format!(
                "the operator has not processed the last change yet; \
                 `kubectl preview wait {name}` waits for it"
            );
        }
        if self.is_sleeping() {
            return match self.true_condition(SUSPENDED) {
                Some(_) => {
                    format!("it is suspended; `kubectl preview wake {name}` starts its pods")
                }
                None => {
                    "it runs no pods: spec.replicas is 0, or a PreviewPolicy allows none".to_owned()
                }
            };
        }
        let route = self.condition(ROUTE_ACCEPTED);
        route
            .filter(|condition| condition.status == "False")
            .or_else(|| self.condition(READY).filter(|condition| condition.status != "True"))
            .or(route)
            .map_or_else(|| "the status gives no reason".to_owned(), describe)
    }

    /// Why the preview is not ready.
    pub(crate) fn why_not_ready(&self) -> String {
        self.reported().map_or_else(str::to_owned, describe)
    }

    /// The condition Ready, or why the operator has reported none for the current spec.
    pub(crate) fn reported(&self) -> Result<&Condition, &'static str> {
        match self.condition(READY) {
            None => Err("the operator has not reported a status; check that it is running"),
            // A status of an older spec may still have a message about the current one.
            Some(ready)
                if !self.is_current()
                    && ready.observed_generation != self.typed.metadata.generation =>
            {
                Err("the operator has not processed the last change; check that it is running")
            }
            Some(ready) => Ok(ready),
        }
    }

    /// `spec.expiresAt` in whole seconds, as the status has it.
    pub(crate) fn requested_expiry(&self) -> Option<Timestamp> {
        let requested = self.spec().expires_at.as_ref()?.0;
        Timestamp::from_second(requested.as_second()).ok()
    }

    pub(crate) fn expiry(&self) -> Expiry {
        let observed = self.status().expires_at.as_ref().map(|time| time.0);
        let spec = self.spec();
        match (observed, self.requested_expiry()) {
            _ if spec.is_pinned() => Expiry::Pinned,
            (Some(observed), _) if self.is_current() => Expiry::At(observed),
            (_, Some(requested)) => Expiry::At(requested),
            (None, None) if self.is_current() && spec.ttl.is_none() => Expiry::Never,
            (_, None) => Expiry::Unknown,
        }
    }
}

/// The message of a condition, then its reason in parentheses.
pub(crate) fn describe(condition: &Condition) -> String {
    match condition.message.as_str() {
        "" => condition.reason.clone(),
        message => format!("{message} ({})", condition.reason),
    }
}

/// They are most of the text, and people do not read them.
fn remove_managed_fields(raw: &mut Value) {
    if let Some(metadata) = raw.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use std::slice;

    use serde_json::json;

    use super::*;

    /// A preview of generation 2. `spec` is added to an image and a host.
    pub(crate) fn preview(name: &str, spec: &Value, status: &Value) -> Preview {
        let mut whole = json!({ "image": "app:1", "fqdn": format!("{name}.example.com") });
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let object = json!({
            "apiVersion": "platform9.com/v1", "kind": "PreviewEnvironment",
            "metadata": {
                "name": name, "namespace": "shop", "uid": format!("uid-{name}"),
                "generation": 2, "resourceVersion": "7",
                "creationTimestamp": "2030-01-31T10:00:00Z",
                "managedFields": [{ "manager": "x" }],
            },
            "spec": whole,
            "status": status,
        });
        Preview::read(serde_json::from_value(object).unwrap()).unwrap()
    }

    /// A condition for generation 2.
    pub(crate) fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
        json!({
            "type": type_, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2030-01-31T11:00:00Z", "observedGeneration": 2,
        })
    }

    fn observed(generation: i64, conditions: &[Value]) -> Preview {
        let status = json!({ "observedGeneration": generation, "conditions": conditions });
        preview("web", &json!({}), &status)
    }

    #[test]
    fn a_state_describes_the_current_spec() {
        let ready = condition("Ready", "True", "Ready", "");
        assert_eq!(observed(2, slice::from_ref(&ready)).state(), State::Ready);
        assert_eq!(observed(1, slice::from_ref(&ready)).state(), State::Pending);
        assert_eq!(preview("web", &json!({}), &json!({})).state(), State::Pending);
        let mut old = ready.clone();
        old["observedGeneration"] = 1.into();
        assert_eq!(observed(2, &[old]).state(), State::NotReady);
        let progressing = condition("Ready", "False", "Progressing", "");
        assert_eq!(observed(2, &[progressing]).state(), State::NotReady);
        let suspended = condition("Suspended", "True", "SuspendedBySpec", "");
        assert_eq!(observed(2, &[ready, suspended]).state(), State::Sleeping);
    }

    #[test]
    fn a_preview_that_waits_for_the_deletion_of_another_one_does_not_need_an_edit() {
        let stalled = |reason: &str| {
            let conditions = [("Stalled", "True"), ("Ready", "False"), ("Suspended", "True")];
            let conditions =
                conditions.map(|(type_, status)| condition(type_, status, reason, "wait"));
            json!({ "observedGeneration": 2, "ready": "0/0", "conditions": conditions })
        };
        let state = |reason: &str| preview("web", &json!({}), &stalled(reason)).state();
        assert_eq!(state("GatewayMissing"), State::Stalled);
        for reason in ["HostConflict", "TooManyPreviews"] {
            assert_eq!(state(reason), State::NotReady, "{reason}: it does not match its spec");
            let why = preview("web", &json!({}), &stalled(reason)).why_no_url();
            assert_eq!(why, format!("wait ({reason})"), "to wake it would not help");
        }
    }

    #[test]
    fn a_url_of_an_older_spec_is_ignored() {
        let url = |generation| {
            let status =
                json!({ "observedGeneration": generation, "url": "http://web.example.com" });
            preview("web", &json!({}), &status).url().map(str::to_owned)
        };
        assert_eq!(url(2).as_deref(), Some("http://web.example.com"));
        assert_eq!(url(1), None);
    }

    #[test]
    fn a_missing_url_is_explained_by_the_route_and_then_by_the_pods() {
        let ready = |status| condition("Ready", status, "Progressing", "0/1 replicas ready");
        let route = |status, message| condition("RouteAccepted", status, "NotAccepted", message);
        let why = |conditions: &[Value]| observed(2, conditions).why_no_url();
        assert_eq!(
            why(&[ready("False"), route("False", "no Gateway")]),
            "no Gateway (NotAccepted)"
        );
        assert_eq!(
            why(&[ready("False"), route("Unknown", "no report")]),
            "0/1 replicas ready (Progressing)"
        );
        assert_eq!(why(&[ready("True"), route("Unknown", "no report")]), "no report (NotAccepted)");
        assert_eq!(
            why(&[ready("True"), condition("Suspended", "True", "S", "")]),
            "it is suspended; `kubectl preview wake web` starts its pods"
        );
        let old = observed(1, &[ready("True")]).why_no_url();
        assert!(old.starts_with("the operator has not processed the last change yet"), "{old}");
    }

    #[test]
    fn a_preview_without_replicas_is_sleeping_and_does_not_wait_for_its_route() {
        let conditions = [
            condition("Ready", "True", "Ready", ""),
            condition("RouteAccepted", "Unknown", "NotReported", "no report"),
        ];
        let status = json!({ "observedGeneration": 2, "conditions": conditions, "ready": "0/0" });
        let sleeping = preview("web", &json!({}), &status);
        assert_eq!(sleeping.state(), State::Sleeping);
        let reason = sleeping.why_no_url();
        assert!(reason.starts_with("it runs no pods: spec.replicas is 0"), "{reason}");
        assert!(!sleeping.is_waiting_for_its_route());
    }

    #[test]
    fn a_preview_waits_for_its_route_as_long_as_the_controller_may_accept_it() {
        let waits = |status: &str, reason: &str| {
            let route = condition("RouteAccepted", status, reason, "");
            let ready = condition("Ready", "True", "Ready", "");
            observed(2, &[ready, route]).is_waiting_for_its_route()
        };
        assert!(waits("Unknown", "WaitingForController") && waits("False", "NotAccepted"));
        assert!(!waits("False", "NotRequested") && !waits("False", "RouteApiNotServed"));
    }

    #[test]
    fn the_expiry_is_the_reported_one_or_else_the_requested_one() {
        let expiry = |spec: Value, status: Value| preview("web", &spec, &status).expiry();
        let at = |text: &str| Expiry::At(text.parse().unwrap());
        let (early, late) = ("2030-02-01T00:00:00Z", "2030-03-01T00:00:00Z");
        let reported =
            |generation: i64| json!({ "observedGeneration": generation, "expiresAt": early });
        let no_report = |generation: i64| json!({ "observedGeneration": generation });
        assert_eq!(expiry(json!({}), no_report(2)), Expiry::Never);
        assert_eq!(expiry(json!({}), json!({})), Expiry::Unknown);
        assert_eq!(expiry(json!({ "ttl": "1h" }), no_report(1)), Expiry::Unknown);
        assert_eq!(expiry(json!({ "ttl": "1h" }), reported(2)), at(early));
        let requested = json!({ "expiresAt": late });
        assert_eq!(expiry(requested.clone(), reported(1)), at(late));
        assert_eq!(expiry(requested, reported(2)), at(early), "the limit of an administrator");
        let pinned = json!({ "expiresAt": late, "pinned": true });
        assert_eq!(expiry(pinned, no_report(2)), Expiry::Pinned);
    }

    #[test]
    fn the_raw_resource_has_every_field_except_managed_fields() {
        let raw = preview("web", &json!({ "fromTheFuture": 1 }), &json!({})).raw;
        assert_eq!(raw["spec"]["fromTheFuture"], 1);
        assert_eq!(raw["metadata"].get("managedFields"), None);
    }
}
