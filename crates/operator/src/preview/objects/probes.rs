//! A probe of a preview, from the short form of its spec.

use k8s_openapi::api::core::v1::{HTTPGetAction, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use operator_api::preview;

use crate::workload;

/// A probe of HTTP if the spec has a path, or else of a connection.
pub(super) fn probe(spec: &preview::Probe) -> Probe {
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
    fn a_probe_connects_to_the_port_of_the_container_by_default() {
        let connects = Probe {
            tcp_socket: Some(TCPSocketAction { port: workload::port(), host: None }),
            ..Probe::default()
        };
        assert_eq!(probe(&preview::Probe::default()), connects);
        let socket = Some(TCPSocketAction { port: IntOrString::Int(9091), host: None });
        assert_eq!(probe(&spec(None, Some(9091))).tcp_socket, socket);
    }

    #[test]
    fn a_probe_with_a_path_is_a_request() {
        for (port, expected) in [(None, workload::port()), (Some(9090), IntOrString::Int(9090))] {
            let probe = probe(&spec(Some("/ready"), port));
            let path = Some("/ready".to_owned());
            let get = HTTPGetAction { path, port: expected, ..HTTPGetAction::default() };
            assert_eq!((probe.http_get, probe.tcp_socket), (Some(get), None));
        }
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
