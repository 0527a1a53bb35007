//! A preview as it was read, and what can be said of it without asking anybody.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use kube::api::DynamicObject;
use kubewright::core::condition::{READY, STALLED};
use operator_api::preview::{
    HOST_CONFLICT, NOT_ACCEPTED, PreviewEnvironment, PreviewEnvironmentStatus, ROUTE_ACCEPTED,
    SUSPENDED, TOO_MANY_PREVIEWS,
};
use serde_json::Value;

use crate::error::Error;

/// Why a preview stalls that needs no edit: it goes on by itself when another one goes.
const UNTIL_ANOTHER_GOES: [&str; 2] = [HOST_CONFLICT, TOO_MANY_PREVIEWS];

/// How names of previews are written for other programs.
pub(crate) const TYPED: &str = "previewenvironment.platform9.com";

/// One preview.
#[derive(Clone, Debug)]
pub(crate) struct Preview {
    /// Everything that the API server sent, with what this program knows nothing of.
    pub(crate) raw: Value,
    of: PreviewEnvironment,
}

/// In one word, how it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is being deleted.
    Deleting,
    /// The operator has not looked at it, or at its last edit.
    Pending,
    /// Only an edit can help.
    Stalled,
    /// No pod runs, as its spec asks.
    Sleeping,
    /// All is as its spec asks.
    Ready,
    /// On its way, or waiting for something.
    NotReady,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Deleting => "Deleting",
            Self::Pending => "Pending",
            Self::Stalled => "Stalled",
            Self::Sleeping => "Sleeping",
            Self::Ready => "Ready",
            Self::NotReady => "NotReady",
        }
    }
}

/// When it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing ends it.
    Never,
    /// Nothing ends it while it is pinned.
    Pinned,
    /// The operator has not said yet.
    Unknown,
    /// Then.
    At(Timestamp),
}

impl Preview {
    /// Reads what the API server sent.
    pub(crate) fn read(object: DynamicObject) -> Result<Self, Error> {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let read = || {
            let mut raw = serde_json::to_value(object)?;
            without_managed_fields(&mut raw);
            let of = serde_json::from_value(raw.clone())?;
            Ok(Self { raw, of })
        };
        read().map_err(|source| Error::Unreadable { namespace, name, source })
    }

    pub(crate) fn name(&self) -> String {
        self.of.name_any()
    }

    pub(crate) fn namespace(&self) -> String {
        self.of.namespace().unwrap_or_default()
    }

    pub(crate) fn uid(&self) -> &str {
        self.of.metadata.uid.as_deref().unwrap_or_default()
    }

    pub(crate) fn version(&self) -> &str {
        self.of.metadata.resource_version.as_deref().unwrap_or_default()
    }

    pub(crate) fn created(&self) -> Option<Timestamp> {
        self.of.metadata.creation_timestamp.as_ref().map(|time| time.0)
    }

    pub(crate) fn spec(&self) -> &operator_api::preview::PreviewEnvironmentSpec {
        &self.of.spec
    }

    /// Where it is empty, nothing was observed yet.
    pub(crate) fn status(&self) -> &PreviewEnvironmentStatus {
        static NONE: std::sync::LazyLock<PreviewEnvironmentStatus> =
            std::sync::LazyLock::new(Default::default);
        self.of.status.as_ref().unwrap_or(&NONE)
    }

    pub(crate) fn is_being_deleted(&self) -> bool {
        self.of.metadata.deletion_timestamp.is_some()
    }

    /// Whether the status is about the spec as it is now.
    pub(crate) fn is_current(&self) -> bool {
        let seen = self.status().observed_generation;
        seen.is_some() && seen >= self.of.metadata.generation
    }

    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.status().conditions
    }

    pub(crate) fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions().iter().find(|condition| condition.type_ == type_)
    }

    /// A condition that holds, about the spec as it is now.
    fn holds(&self, type_: &str) -> Option<&Condition> {
        let about_now = |c: &&Condition| {
            c.observed_generation.is_none_or(|seen| Some(seen) >= self.of.metadata.generation)
        };
        self.condition(type_).filter(|c| self.is_current() && c.status == "True").filter(about_now)
    }

    /// Why only an edit can help, where that is so.
    pub(crate) fn stalled(&self) -> Option<&Condition> {
        self.holds(STALLED).filter(|stalled| !UNTIL_ANOTHER_GOES.contains(&&*stalled.reason))
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.holds(READY).is_some()
    }

    /// Whether no pod is to run: it is suspended, or asks for none, or may have none.
    pub(crate) fn sleeps(&self) -> bool {
        let of_none = || {
            self.is_current()
                && self.status().ready.as_deref().is_some_and(|ready| ready.ends_with("/0"))
        };
        self.holds(SUSPENDED).is_some() || of_none()
    }

    /// Whether it works, and its route's controller has not taken the route yet: it has not
    /// answered, or what it waits for can change. That an API is not served, or that no route
    /// is asked for, stays so.
    pub(crate) fn waits_for_its_route(&self) -> bool {
        let open = |route: &Condition| route.status == "Unknown" || route.reason == NOT_ACCEPTED;
        self.is_ready()
            && !self.sleeps()
            && self.url().is_none()
            && self.condition(ROUTE_ACCEPTED).is_some_and(open)
    }

    pub(crate) fn state(&self) -> State {
        match () {
            () if self.is_being_deleted() => State::Deleting,
            () if !self.is_current() => State::Pending,
            () if self.stalled().is_some() => State::Stalled,
            () if self.sleeps() => State::Sleeping,
            () if self.is_ready() => State::Ready,
            () => State::NotReady,
        }
    }

    /// Where to look at it. An address that was true of an older spec is none.
    pub(crate) fn url(&self) -> Option<&str> {
        self.status().url.as_deref().filter(|_| self.is_current() && !self.is_being_deleted())
    }

    /// Why there is no URL: the route first, for without it the best pods do not help.
    pub(crate) fn why_no_url(&self) -> String {
        if self.is_being_deleted() {
            return "it is being deleted".to_owned();
        }
        if !self.is_current() {
            return "the operator has not looked at its last change yet; `wait` waits for that"
                .to_owned();
        }
        if self.holds(SUSPENDED).is_some() {
            return format!("it sleeps; `wake {}` starts it", self.name());
        }
        if self.is_ready() && self.sleeps() {
            return "no pod is to run: spec.replicas is 0, or a PreviewPolicy allows none"
                .to_owned();
        }
        let route = self.condition(ROUTE_ACCEPTED).filter(|c| c.status == "False");
        let open = route.or_else(|| self.condition(READY).filter(|c| c.status != "True"));
        open.or_else(|| self.condition(ROUTE_ACCEPTED))
            .map_or_else(|| "its status does not say why".to_owned(), said)
    }

    /// What keeps it from being ready, in one line.
    pub(crate) fn told(&self) -> String {
        match self.condition(READY) {
            None => "the operator has not said anything about it; is it running?".to_owned(),
            // The status may not be about the last change yet, and tell why.
            Some(ready)
                if !self.is_current()
                    && ready.observed_generation != self.of.metadata.generation =>
            {
                "the operator has not looked at the last change yet; is it running?".to_owned()
            }
            Some(ready) => said(ready),
        }
    }

    pub(crate) fn end(&self) -> End {
        let status = self.status().expires_at.as_ref().map(|time| time.0);
        let spec = self.spec();
        match (status, spec.expires_at.as_ref()) {
            _ if spec.is_pinned() => End::Pinned,
            (Some(observed), _) if self.is_current() => End::At(observed),
            (_, Some(asked)) => End::At(asked.0),
            (None, None) if self.is_current() && spec.ttl.is_none() => End::Never,
            (_, None) => End::Unknown,
        }
    }

    /// `previewenvironment.platform9.com/web`.
    pub(crate) fn typed_name(&self) -> String {
        format!("{TYPED}/{}", self.name())
    }
}

/// Reason and message of a condition.
pub(crate) fn said(condition: &Condition) -> String {
    match condition.message.as_str() {
        "" => condition.reason.clone(),
        message => format!("{} ({})", message, condition.reason),
    }
}

/// Nobody reads them, and they are most of the text.
fn without_managed_fields(raw: &mut Value) {
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

    /// A preview of generation 2 with this spec beside image and host, and this status.
    pub(crate) fn preview(name: &str, spec: &Value, status: &Value) -> Preview {
        let mut whole = json!({ "image": "app:1", "fqdn": format!("{name}.example.com") });
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let object = json!({
            "apiVersion": "platform9.com/v1", "kind": "PreviewEnvironment",
            "metadata": {
                "name": name, "namespace": "shop", "uid": format!("uid-{name}"), "generation": 2, "resourceVersion": "7",
                "creationTimestamp": "2030-01-31T10:00:00Z", "managedFields": [{ "manager": "x" }],
            },
            "spec": whole,
            "status": status,
        });
        Preview::read(serde_json::from_value(object).unwrap()).unwrap()
    }

    /// A condition about generation 2.
    pub(crate) fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
        json!({
            "type": type_, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2030-01-31T11:00:00Z", "observedGeneration": 2,
        })
    }

    fn of(generation: i64, conditions: &[Value]) -> Preview {
        preview(
            "web",
            &json!({}),
            &json!({ "observedGeneration": generation, "conditions": conditions }),
        )
    }

    #[test]
    fn a_state_is_about_the_spec_as_it_is_now() {
        let ready = condition("Ready", "True", "Ready", "");
        assert_eq!(of(2, slice::from_ref(&ready)).state(), State::Ready);
        assert_eq!(of(1, slice::from_ref(&ready)).state(), State::Pending);
        assert_eq!(preview("web", &json!({}), &json!({})).state(), State::Pending);
        let mut old = ready.clone();
        old["observedGeneration"] = 1.into();
        assert_eq!(of(2, &[old]).state(), State::NotReady);
        assert_eq!(
            of(2, &[condition("Ready", "False", "Progressing", "")]).state(),
            State::NotReady
        );
        assert_eq!(
            of(2, &[ready.clone(), condition("Suspended", "True", "SuspendedBySpec", "")]).state(),
            State::Sleeping
        );
        let stalled = |reason: &str| {
            of(
                2,
                &[
                    condition("Stalled", "True", reason, ""),
                    condition("Ready", "False", reason, ""),
                ],
            )
        };
        assert_eq!(stalled("GatewayMissing").state(), State::Stalled);
        for reason in ["HostConflict", "TooManyPreviews"] {
            assert_eq!(stalled(reason).state(), State::NotReady, "it waits for another one");
        }
    }

    #[test]
    fn a_url_of_an_older_spec_is_none() {
        let url = |generation| {
            let status =
                json!({ "observedGeneration": generation, "url": "http://web.example.com" });
            preview("web", &json!({}), &status).url().map(str::to_owned)
        };
        assert_eq!(url(2).as_deref(), Some("http://web.example.com"));
        assert_eq!(url(1), None);
    }

    #[test]
    fn why_there_is_no_url_is_told_by_the_route_and_then_by_the_pods() {
        let ready = |status| condition("Ready", status, "Progressing", "0/1 replicas ready");
        let route = |status, message| condition("RouteAccepted", status, "NotAccepted", message);
        let why = |conditions: &[Value]| of(2, conditions).why_no_url();
        assert_eq!(
            why(&[ready("False"), route("False", "no Gateway")]),
            "no Gateway (NotAccepted)"
        );
        assert_eq!(
            why(&[ready("False"), route("Unknown", "nothing said")]),
            "0/1 replicas ready (Progressing)"
        );
        assert_eq!(
            why(&[ready("True"), route("Unknown", "nothing said")]),
            "nothing said (NotAccepted)"
        );
        assert_eq!(
            why(&[ready("True"), condition("Suspended", "True", "S", "")]),
            "it sleeps; `wake web` starts it"
        );
        assert!(of(1, &[ready("True")]).why_no_url().contains("has not looked at its last change"));
    }

    #[test]
    fn who_asks_for_no_pods_sleeps_and_is_told_why_there_is_no_url() {
        let conditions = [
            condition("Ready", "True", "Ready", ""),
            condition("RouteAccepted", "Unknown", "NotReported", "leads to it"),
        ];
        let status = json!({ "observedGeneration": 2, "conditions": conditions, "ready": "0/0" });
        let asleep = preview("web", &json!({}), &status);
        assert_eq!(asleep.state(), State::Sleeping);
        assert!(
            asleep.why_no_url().starts_with("no pod is to run: spec.replicas is 0"),
            "{}",
            asleep.why_no_url()
        );
        assert!(!asleep.waits_for_its_route());
    }

    #[test]
    fn a_route_is_waited_for_that_its_controller_may_still_take() {
        let waits = |status: &str, reason: &str| {
            let route = condition("RouteAccepted", status, reason, "");
            of(2, &[condition("Ready", "True", "Ready", ""), route]).waits_for_its_route()
        };
        assert!(waits("Unknown", "WaitingForController") && waits("False", "NotAccepted"));
        assert!(!waits("False", "NotRequested") && !waits("False", "RouteApiNotServed"));
    }

    #[test]
    fn an_end_is_what_the_operator_says_and_otherwise_what_the_spec_asks_for() {
        let end = |spec: Value, status: Value| preview("web", &spec, &status).end();
        let at = |text: &str| End::At(text.parse().unwrap());
        let (early, late) = ("2030-02-01T00:00:00Z", "2030-03-01T00:00:00Z");
        assert_eq!(end(json!({}), json!({ "observedGeneration": 2 })), End::Never);
        assert_eq!(end(json!({}), json!({})), End::Unknown);
        assert_eq!(end(json!({ "ttl": "1h" }), json!({ "observedGeneration": 1 })), End::Unknown);
        assert_eq!(
            end(json!({ "ttl": "1h" }), json!({ "observedGeneration": 2, "expiresAt": early })),
            at(early)
        );
        assert_eq!(
            end(
                json!({ "expiresAt": late }),
                json!({ "observedGeneration": 1, "expiresAt": early })
            ),
            at(late)
        );
        let capped = end(
            json!({ "expiresAt": late }),
            json!({ "observedGeneration": 2, "expiresAt": early }),
        );
        assert_eq!(capped, at(early), "an administrator's limit shows in the status");
        assert_eq!(
            end(json!({ "expiresAt": late, "pinned": true }), json!({ "observedGeneration": 2 })),
            End::Pinned
        );
    }

    #[test]
    fn what_is_shown_whole_lacks_nothing_but_managed_fields() {
        let raw = preview("web", &json!({ "fromTheFuture": 1 }), &json!({})).raw;
        assert_eq!(raw["spec"]["fromTheFuture"], 1);
        assert_eq!(raw["metadata"].get("managedFields"), None);
    }
}
