//! The probes of a preview, from the short form of its spec.

use k8s_openapi::api::core::v1::{HTTPGetAction, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use operator_api::preview;

use crate::workload;

/// The readiness probe. By default it opens a connection: the paths of an unknown image are not
/// known, and without any probe the URL would be shown before the program answers.
pub(super) fn readiness(probes: Option<&preview::Probes>) -> Probe {
    let readiness = probes.and_then(|probes| probes.readiness.as_ref());
    readiness.map_or_else(|| probe(&preview::Probe::default()), probe)
}

/// The liveness probe. There is none by default: it would restart images that start slowly.
pub(super) fn liveness(probes: Option<&preview::Probes>) -> Option<Probe> {
    probes?.liveness.as_ref().map(probe)
}

pub(super) fn startup(probes: Option<&preview::Probes>) -> Option<Probe> {
    probes?.startup.as_ref().map(probe)
}

fn probe(spec: &preview::Probe) -> Probe {
    let port = spec.port.map_or_else(workload::port, IntOrString::Int);
    let (http_get, tcp_socket) = match &spec.path {
        Some(path) => (
            Some(HTTPGetAction { path: Some(path.clone()), port, ..HTTPGetAction::default() }),
            None,
        ),
        None => (None, Some(TCPSocketAction { port, host: None })),
    };
    Probe {
        http_get,
        tcp_socket,
        initial_delay_seconds: spec.initial_delay_seconds,
        period_seconds: spec.period_seconds,
        timeout_seconds: spec.timeout_seconds,
        failure_threshold: spec.failure_threshold,
        ..Probe::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(path: Option<&str>, port: Option<i32>) -> preview::Probe {
        preview::Probe { path: path.map(str::to_owned), port, ..preview::Probe::default() }
    }

    #[test]
    fn by_default_a_pod_is_ready_when_it_accepts_connections_and_is_never_restarted() {
        for empty in [None, Some(&preview::Probes::default())] {
            let connects = Probe {
                tcp_socket: Some(TCPSocketAction { port: workload::port(), host: None }),
                ..Probe::default()
            };
            assert_eq!((readiness(empty), liveness(empty), startup(empty)), (connects, None, None));
        }
    }

    #[test]
    fn each_probe_has_the_path_and_port_of_the_spec() {
        let probes = preview::Probes {
            readiness: Some(spec(Some("/ready"), None)),
            liveness: Some(spec(Some("/live"), Some(9090))),
            startup: Some(spec(None, Some(9091))),
        };
        let get = |path: &str, port| HTTPGetAction {
            path: Some(path.to_owned()),
            port,
            ..HTTPGetAction::default()
        };
        let (ready, live, started) =
            (readiness(Some(&probes)), liveness(Some(&probes)), startup(Some(&probes)));
        assert_eq!(
            (ready.http_get, ready.tcp_socket),
            (Some(get("/ready", workload::port())), None)
        );
        assert_eq!(
            live.and_then(|probe| probe.http_get),
            Some(get("/live", IntOrString::Int(9090)))
        );
        let socket = Some(TCPSocketAction { port: IntOrString::Int(9091), host: None });
        assert_eq!(started.and_then(|probe| probe.tcp_socket), socket);
    }

    #[test]
    fn times_and_thresholds_are_those_of_the_spec() {
        let probe = probe(&preview::Probe {
            initial_delay_seconds: Some(1),
            period_seconds: Some(2),
            timeout_seconds: Some(3),
            failure_threshold: Some(4),
            ..preview::Probe::default()
        });
        let numbers = [
            probe.initial_delay_seconds,
            probe.period_seconds,
            probe.timeout_seconds,
            probe.failure_threshold,
        ];
        assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(4)]);
    }
}
