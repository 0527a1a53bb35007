//! Whether a child does what it is there for, in the sense of kstatus (sigs.k8s.io/cli-utils):
//! ready, on its way, or failed.
//!
//! Only `.status`, the generation and what we want are looked at; nothing is asked of the cluster.
//! [`of`] judges a child, for the conditions of its owner; [`of_object`] any object, for whoever
//! shows it.

use k8s_openapi::api::apps::v1::{DaemonSetStatus, StatefulSetStatus};
use k8s_openapi::api::batch::v1::JobStatus;
use k8s_openapi::api::core::v1::{PersistentVolumeClaimStatus, PodStatus, ServiceStatus};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::kind::KindInfo;
use crate::observed::ChildState;
use crate::reason;

/// The health of one child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works. The message is empty where there is nothing to count.
    Ready {
        /// e.g. `2/2 replicas ready`.
        message: String,
    },
    /// It is on its way.
    Progressing {
        /// CamelCase, for a condition.
        reason: &'static str,
        /// What it is waiting for.
        message: String,
    },
    /// Its own controller has given up.
    Failed {
        /// CamelCase, for a condition.
        reason: &'static str,
        /// What its controller says.
        message: String,
    },
}

impl Health {
    fn ready() -> Self {
        Self::Ready { message: String::new() }
    }

    fn progressing(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Progressing { reason, message: message.into() }
    }
}

/// A condition as every kind has it, with only what is looked at.
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

/// Whether a kind has a `.status` that anybody reads. Of the others only metadata is watched.
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

/// What is looked at, of a child or of any other object.
struct Subject<'a> {
    kind: &'a KindInfo,
    name: &'a str,
    generation: Option<i64>,
    /// `.status`, as JSON.
    status: Option<&'a str>,
    /// Reads what is wanted, where that is asked for.
    wanted: &'a dyn Fn() -> Wanted,
}

impl Subject<'_> {
    /// `.status` as an `S`, when it exists and has that form.
    fn status<S: DeserializeOwned>(&self) -> Option<S> {
        serde_json::from_str(self.status?).ok()
    }
}

/// What is looked at in the spec that we want.
#[derive(Default, Deserialize)]
struct Wanted {
    replicas: Option<i32>,
    #[serde(rename = "type")]
    type_: Option<String>,
}

/// The health of a child that is in sync.
#[must_use]
pub fn of(child: &ChildState<'_>) -> Health {
    let kind = &child.desired.kind;
    let Some(observed) = child.observed else {
        return Health::progressing(
            reason::PROGRESSING,
            format!("{kind} {} is being made", child.desired.key.name),
        );
    };
    of_subject(&Subject {
        kind,
        name: &child.desired.key.name,
        generation: observed.generation,
        status: observed.status.as_deref().map(RawValue::get),
        wanted: &|| child.desired.spec().unwrap_or_default(),
    })
}

/// The health of an object as the API server has it, for whoever wants to show it: its own spec is
/// what is wanted.
#[must_use]
pub fn of_object(kind: &KindInfo, object: &Value) -> Health {
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

fn of_subject(of: &Subject<'_>) -> Health {
    let kind = of.kind;
    if !has_status(kind) {
        return Health::ready();
    }
    let any: AnyStatus = of.status().unwrap_or_default();
    // Some kinds say which generation they saw in their conditions alone.
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

fn deployment(of: &Subject<'_>, any: &AnyStatus, behind: bool) -> Health {
    let status: Counted = of.status().unwrap_or_default();
    let wanted = (of.wanted)().replicas.or(status.replicas).unwrap_or(1);
    let available = status.available_replicas.unwrap_or(0);
    let message = replicas(status.ready_replicas.unwrap_or(0).min(wanted), wanted);
    let find = |type_: &str, status: &str| {
        any.conditions.iter().find(|c| c.type_ == type_ && c.status == status)
    };
    if behind || any.observed_generation.is_none() {
        return Health::progressing(
            reason::PROGRESSING,
            format!("{message}: the Deployment controller has not seen the change yet"),
        );
    }
    if let Some(failed) = find("ReplicaFailure", "True") {
        return Health::progressing(reason::PODS_REFUSED, format!("{message}: {}", failed.message));
    }
    if let Some(stuck) =
        find("Progressing", "False").filter(|c| c.reason == "ProgressDeadlineExceeded")
    {
        return Health::Failed {
            reason: reason::PROGRESS_DEADLINE,
            message: format!("{message}: {}", stuck.message),
        };
    }
    let updated = status.updated_replicas.unwrap_or(0);
    if updated < wanted {
        return Health::progressing(
            reason::PROGRESSING,
            format!("{message}: {updated}/{wanted} updated"),
        );
    }
    // Of an older template, or more than are wanted now.
    let superfluous = status.replicas.unwrap_or(0) - updated.min(wanted);
    if superfluous > 0 {
        return Health::progressing(
            reason::PROGRESSING,
            format!("{message}: {superfluous} to stop"),
        );
    }
    if available < wanted {
        return Health::progressing(reason::REPLICAS_UNAVAILABLE, message);
    }
    Health::Ready { message }
}

fn stateful_set(of: &Subject<'_>, behind: bool) -> Health {
    let Some(status) =
        of.status::<StatefulSetStatus>().filter(|s| !behind && s.observed_generation.is_some())
    else {
        return Health::progressing(
            reason::PROGRESSING,
            "the StatefulSet controller has not seen the change yet",
        );
    };
    let wanted = (of.wanted)().replicas.unwrap_or(1);
    let ready = status.ready_replicas.unwrap_or(0).min(wanted);
    let message = replicas(ready, wanted);
    if status.replicas > wanted {
        return Health::progressing(
            reason::PROGRESSING,
            format!("{message}: {} to stop", status.replicas - wanted),
        );
    }
    if ready < wanted
        || status.current_revision != status.update_revision
            && status.updated_replicas.unwrap_or(0) < wanted
    {
        return Health::progressing(reason::REPLICAS_UNAVAILABLE, message);
    }
    Health::Ready { message }
}

fn daemon_set(of: &Subject<'_>, behind: bool) -> Health {
    let Some(status) =
        of.status::<DaemonSetStatus>().filter(|s| !behind && s.observed_generation.is_some())
    else {
        return Health::progressing(
            reason::PROGRESSING,
            "the DaemonSet controller has not seen the change yet",
        );
    };
    let wanted = status.desired_number_scheduled;
    let message = replicas(status.number_ready.min(wanted), wanted);
    if status.number_available.unwrap_or(0) < wanted
        || status.updated_number_scheduled.unwrap_or(0) < wanted
    {
        return Health::progressing(reason::REPLICAS_UNAVAILABLE, message);
    }
    Health::Ready { message }
}

fn job(of: &Subject<'_>, any: &AnyStatus) -> Health {
    let name = of.name;
    let find = |type_: &str| any.conditions.iter().find(|c| c.type_ == type_ && c.status == "True");
    if let Some(failed) = find("Failed") {
        return Health::Failed {
            reason: reason::JOB_FAILED,
            message: format!("Job {name} failed: {}", failed.message),
        };
    }
    if find("Complete").is_some() {
        return Health::ready();
    }
    let active = of.status::<JobStatus>().and_then(|s| s.active).unwrap_or(0);
    Health::progressing(
        reason::PROGRESSING,
        format!("Job {name} has not completed, {active} pods are running"),
    )
}

fn service(of: &Subject<'_>) -> Health {
    let balanced = (of.wanted)().type_.as_deref() == Some("LoadBalancer");
    let status: ServiceStatus = of.status().unwrap_or_default();
    let ingress = status.load_balancer.and_then(|l| l.ingress).unwrap_or_default();
    if balanced && ingress.is_empty() {
        let message = format!("Service {} has no load balancer address yet", of.name);
        return Health::progressing(reason::NO_LOAD_BALANCER, message);
    }
    Health::ready()
}

fn volume_claim(of: &Subject<'_>) -> Health {
    let phase = of.status::<PersistentVolumeClaimStatus>().and_then(|s| s.phase);
    if phase.as_deref() == Some("Bound") {
        return Health::ready();
    }
    let message =
        format!("PersistentVolumeClaim {} is {}", of.name, phase.as_deref().unwrap_or("new"));
    Health::progressing(reason::PROGRESSING, message)
}

fn pod(of: &Subject<'_>, any: &AnyStatus) -> Health {
    let name = of.name;
    let phase = of.status::<PodStatus>().and_then(|s| s.phase).unwrap_or_default();
    let ready = any.conditions.iter().find(|c| c.type_ == "Ready");
    match phase.as_str() {
        "Succeeded" => Health::ready(),
        "Failed" => {
            Health::Failed { reason: reason::CHILD_FAILED, message: format!("Pod {name} failed") }
        }
        _ if ready.is_some_and(|c| c.status == "True") => Health::ready(),
        _ => {
            let why = any.conditions.iter().find(|c| c.status == "False" && !c.message.is_empty());
            let why = why.map_or_else(String::new, |c| format!(": {}", c.message));
            Health::progressing(reason::PROGRESSING, format!("Pod {name} is not ready{why}"))
        }
    }
}

/// Kinds that we know nothing about: their own `Ready`, `Reconciling` and `Stalled` count, where
/// they have them.
fn any_kind(of: &Subject<'_>, any: &AnyStatus, behind: bool) -> Health {
    let name = format!("{} {}", of.kind, of.name);
    let find = |type_: &str, status: &str| {
        any.conditions.iter().find(|c| c.type_ == type_ && c.status == status)
    };
    if behind {
        return Health::progressing(
            reason::PROGRESSING,
            format!("{name}: its controller has not seen the change yet"),
        );
    }
    if let Some(stalled) = find("Stalled", "True") {
        return Health::Failed {
            reason: reason::CHILD_FAILED,
            message: format!("{name}: {}", stalled.message),
        };
    }
    let waiting = find("Reconciling", "True")
        .or_else(|| find("Ready", "False"))
        .or_else(|| find("Ready", "Unknown"));
    waiting.map_or_else(Health::ready, |c| {
        Health::progressing(reason::PROGRESSING, format!("{name}: {}", c.message))
    })
}
