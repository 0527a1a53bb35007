//! The readiness of one object, with the rules of each kind.

use k8s_openapi::api::apps::v1::{DaemonSetStatus, StatefulSetStatus};
use k8s_openapi::api::batch::v1::JobStatus;
use k8s_openapi::api::core::v1::{PersistentVolumeClaimStatus, PodStatus, ServiceStatus};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::kind::KindInfo;
use crate::observed::ChildState;
use crate::readiness::Readiness;
use crate::reason;

fn ready() -> Readiness {
    Readiness::Ready(String::new())
}

fn progressing(message: impl Into<String>) -> Readiness {
    Readiness::Progressing(reason::PROGRESSING, message.into())
}

/// The fields of a condition that the rules read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyCondition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    observed_generation: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct AnyStatus {
    observed_generation: Option<i64>,
    conditions: Vec<AnyCondition>,
}

/// The pods of a Deployment.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Counted {
    replicas: Option<i32>,
    ready_replicas: Option<i32>,
    updated_replicas: Option<i32>,
    available_replicas: Option<i32>,
}

/// Whether a kind has a `.status` that a rule reads. The engine watches only the metadata of the
/// other kinds.
#[must_use]
pub fn has_status(kind: &KindInfo) -> bool {
    !matches!(
        (&*kind.group, &*kind.kind),
        ("", "ConfigMap" | "Secret" | "ServiceAccount" | "LimitRange")
            | ("networking.k8s.io", "NetworkPolicy")
            | (
                "rbac.authorization.k8s.io"
                    | "scheduling.k8s.io"
                    | "node.k8s.io"
                    | "storage.k8s.io",
                _
            )
    )
}

/// The fields of an object that the rules read.
struct Subject<'a> {
    kind: &'a KindInfo,
    name: &'a str,
    generation: Option<i64>,
    /// `.status`, as JSON.
    status: Option<&'a str>,
    /// Reads the desired spec, on demand.
    wanted: &'a dyn Fn() -> Wanted,
}

impl Subject<'_> {
    /// `.status` as an `S`, if it exists and has that form.
    fn status<S: DeserializeOwned>(&self) -> Option<S> {
        serde_json::from_str(self.status?).ok()
    }
}

/// The fields of the desired spec that the rules read.
#[derive(Default, Deserialize)]
struct Wanted {
    replicas: Option<i32>,
    #[serde(rename = "type")]
    type_: Option<String>,
}

/// The readiness of a child that is in sync.
#[must_use]
pub fn child_readiness(child: &ChildState<'_>) -> Readiness {
    let kind = &child.desired.kind;
    let Some(observed) = child.observed else {
        return progressing(format!("{kind} {} is being created", child.desired.key.name));
    };
    of_subject(&Subject {
        kind,
        name: &child.desired.key.name,
        generation: observed.generation,
        status: observed.status.as_deref().map(RawValue::get),
        wanted: &|| child.desired.spec().unwrap_or_default(),
    })
}

/// The readiness of any object as the API server returns it, for tools that show objects.
#[must_use]
pub fn object_readiness(kind: &KindInfo, object: &Value) -> Readiness {
    let status = object.get("status").map(Value::to_string);
    of_subject(&Subject {
        kind,
        name: object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default(),
        generation: object.pointer("/metadata/generation").and_then(Value::as_i64),
        status: status.as_deref(),
        wanted: &|| {
            object.get("spec").and_then(|spec| Wanted::deserialize(spec).ok()).unwrap_or_default()
        },
    })
}

fn of_subject(of: &Subject<'_>) -> Readiness {
    let kind = of.kind;
    if !has_status(kind) {
        return ready();
    }
    let any: AnyStatus = of.status().unwrap_or_default();
    // Some kinds have `observedGeneration` in their conditions only.
    let seen = any
        .observed_generation
        .or_else(|| any.conditions.iter().filter_map(|c| c.observed_generation).min());
    let behind = of.generation.is_some_and(|generation| seen.is_some_and(|seen| seen < generation));
    match (&*kind.group, &*kind.kind) {
        ("apps", "Deployment") => deployment(of, &any, behind),
        ("apps", "StatefulSet") => stateful_set(of, behind),
        ("apps", "DaemonSet") => daemon_set(of, behind),
        ("batch", "Job") => job(of, &any),
        ("", "Service") => service(of),
        ("", "PersistentVolumeClaim") => volume_claim(of),
        ("", "Pod") => pod(of, &any),
        _ => any_kind(of, &any, behind),
    }
}

fn replicas(ready: i32, wanted: i32) -> String {
    format!("{ready}/{wanted} replicas ready")
}

fn deployment(of: &Subject<'_>, any: &AnyStatus, behind: bool) -> Readiness {
    let status: Counted = of.status().unwrap_or_default();
    let wanted = (of.wanted)().replicas.or(status.replicas).unwrap_or(1);
    let available = status.available_replicas.unwrap_or(0);
    let message = replicas(status.ready_replicas.unwrap_or(0).min(wanted), wanted);
    let find = |type_: &str, status: &str| {
        any.conditions.iter().find(|c| c.type_ == type_ && c.status == status)
    };
    if behind || any.observed_generation.is_none() {
        return progressing(format!(
            "{message}: the Deployment controller has not seen the change yet"
        ));
    }
    if let Some(failed) = find("ReplicaFailure", "True") {
        return Readiness::Progressing(
            reason::PODS_REFUSED,
            format!("{message}: {}", failed.message),
        );
    }
    if let Some(stuck) =
        find("Progressing", "False").filter(|c| c.reason == "ProgressDeadlineExceeded")
    {
        return Readiness::Stalled(
            reason::PROGRESS_DEADLINE,
            format!("{message}: {}", stuck.message),
        );
    }
    let updated = status.updated_replicas.unwrap_or(0);
    if updated < wanted {
        return progressing(format!("{message}: {updated}/{wanted} updated"));
    }
    // Pods of an older template, or more pods than desired.
    let superfluous = status.replicas.unwrap_or(0) - updated.min(wanted);
    if superfluous > 0 {
        return progressing(format!("{message}: {superfluous} to stop"));
    }
    if available < wanted {
        return Readiness::Progressing(reason::REPLICAS_UNAVAILABLE, message);
    }
    Readiness::Ready(message)
}

fn stateful_set(of: &Subject<'_>, behind: bool) -> Readiness {
    let Some(status) =
        of.status::<StatefulSetStatus>().filter(|s| !behind && s.observed_generation.is_some())
    else {
        return progressing("the StatefulSet controller has not seen the change yet");
    };
    let wanted = (of.wanted)().replicas.unwrap_or(1);
    let ready = status.ready_replicas.unwrap_or(0).min(wanted);
    let message = replicas(ready, wanted);
    if status.replicas > wanted {
        return progressing(format!("{message}: {} to stop", status.replicas - wanted));
    }
    if ready < wanted
        || status.current_revision != status.update_revision
            && status.updated_replicas.unwrap_or(0) < wanted
    {
        return Readiness::Progressing(reason::REPLICAS_UNAVAILABLE, message);
    }
    Readiness::Ready(message)
}

fn daemon_set(of: &Subject<'_>, behind: bool) -> Readiness {
    let Some(status) =
        of.status::<DaemonSetStatus>().filter(|s| !behind && s.observed_generation.is_some())
    else {
        return progressing("the DaemonSet controller has not seen the change yet");
    };
    let wanted = status.desired_number_scheduled;
    let message = replicas(status.number_ready.min(wanted), wanted);
    if status.number_available.unwrap_or(0) < wanted
        || status.updated_number_scheduled.unwrap_or(0) < wanted
    {
        return Readiness::Progressing(reason::REPLICAS_UNAVAILABLE, message);
    }
    Readiness::Ready(message)
}

fn job(of: &Subject<'_>, any: &AnyStatus) -> Readiness {
    let name = of.name;
    let find = |type_: &str| any.conditions.iter().find(|c| c.type_ == type_ && c.status == "True");
    if let Some(failed) = find("Failed") {
        return Readiness::Stalled(
            reason::JOB_FAILED,
            format!("Job {name} failed: {}", failed.message),
        );
    }
    if find("Complete").is_some() {
        return ready();
    }
    let active = of.status::<JobStatus>().and_then(|s| s.active).unwrap_or(0);
    progressing(format!("Job {name} has not completed, {active} pods are running"))
}

fn service(of: &Subject<'_>) -> Readiness {
    let balanced = (of.wanted)().type_.as_deref() == Some("LoadBalancer");
    let status: ServiceStatus = of.status().unwrap_or_default();
    let ingress = status.load_balancer.and_then(|l| l.ingress).unwrap_or_default();
    if balanced && ingress.is_empty() {
        let message = format!("Service {} has no load balancer address yet", of.name);
        return Readiness::Progressing(reason::NO_LOAD_BALANCER, message);
    }
    ready()
}

fn volume_claim(of: &Subject<'_>) -> Readiness {
    let phase = of.status::<PersistentVolumeClaimStatus>().and_then(|s| s.phase);
    if phase.as_deref() == Some("Bound") {
        return ready();
    }
    let message =
        format!("PersistentVolumeClaim {} is {}", of.name, phase.as_deref().unwrap_or("new"));
    progressing(message)
}

fn pod(of: &Subject<'_>, any: &AnyStatus) -> Readiness {
    let name = of.name;
    let phase = of.status::<PodStatus>().and_then(|s| s.phase).unwrap_or_default();
    let ready = any.conditions.iter().find(|c| c.type_ == "Ready");
    match phase.as_str() {
        "Succeeded" => self::ready(),
        "Failed" => Readiness::Stalled(reason::CHILD_FAILED, format!("Pod {name} failed")),
        _ if ready.is_some_and(|c| c.status == "True") => self::ready(),
        _ => {
            let why = any.conditions.iter().find(|c| c.status == "False" && !c.message.is_empty());
            let why = why.map_or_else(String::new, |c| format!(": {}", c.message));
            progressing(format!("Pod {name} is not ready{why}"))
        }
    }
}

/// A kind without a rule of its own: its conditions `Ready`, `Reconciling` and `Stalled` decide, if
/// it has them.
fn any_kind(of: &Subject<'_>, any: &AnyStatus, behind: bool) -> Readiness {
    let name = format!("{} {}", of.kind, of.name);
    let find = |type_: &str, status: &str| {
        any.conditions.iter().find(|c| c.type_ == type_ && c.status == status)
    };
    if behind {
        return progressing(format!("{name}: its controller has not seen the change yet"));
    }
    if let Some(stalled) = find("Stalled", "True") {
        return Readiness::Stalled(reason::CHILD_FAILED, format!("{name}: {}", stalled.message));
    }
    let waiting = find("Reconciling", "True")
        .or_else(|| find("Ready", "False"))
        .or_else(|| find("Ready", "Unknown"));
    waiting.map_or_else(ready, |c| progressing(format!("{name}: {}", c.message)))
}
