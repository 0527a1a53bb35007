//! The probes of a preview, from the short form that its spec has.

use k8s_openapi::api::core::v1::{HTTPGetAction, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use operator_api::preview;

use crate::workload;

/// When a pod is ready.
///
/// That something listens is all that can be asked of an unknown image: which path it answers, and
/// with what, is its own business. It is worth asking: a URL that is shown too early is an error
/// page.
pub(super) fn readiness(probes: Option<&preview::Probes>) -> Probe {
    probes
        .and_then(|probes| probes.readiness.as_ref())
        .map_or_else(|| probe(&preview::Probe::default()), probe)
}

/// When it is started again. Only on demand: an image that takes long to start would never get
/// there.
pub(super) fn liveness(probes: Option<&preview::Probes>) -> Option<Probe> {
    probes?.liveness.as_ref().map(probe)
}

/// When it has started.
pub(super) fn startup(probes: Option<&preview::Probes>) -> Option<Probe> {
    probes?.startup.as_ref().map(probe)
}

fn probe(asked: &preview::Probe) -> Probe {
    let port = asked.port.map_or_else(workload::port, IntOrString::Int);
    let (http_get, tcp_socket) = match &asked.path {
        Some(path) => (
            Some(HTTPGetAction { path: Some(path.clone()), port, ..HTTPGetAction::default() }),
            None,
        ),
        None => (None, Some(TCPSocketAction { port, host: None })),
    };
    Probe {
        http_get,
        tcp_socket,
        initial_delay_seconds: asked.initial_delay_seconds,
        period_seconds: asked.period_seconds,
        timeout_seconds: asked.timeout_seconds,
        failure_threshold: asked.failure_threshold,
        ..Probe::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: Option<&str>, port: Option<i32>) -> preview::Probe {
        preview::Probe { path: path.map(str::to_owned), port, ..preview::Probe::default() }
    }

    #[test]
    fn a_pod_is_ready_when_it_listens_and_is_never_started_again_unless_the_spec_says_more() {
        for nothing in [None, Some(&preview::Probes::default())] {
            let listens = Probe {
                tcp_socket: Some(TCPSocketAction { port: workload::port(), host: None }),
                ..Probe::default()
            };
            assert_eq!(
                (readiness(nothing), liveness(nothing), startup(nothing)),
                (listens, None, None)
            );
        }
    }

    #[test]
    fn each_probe_asks_what_the_spec_says() {
        let probes = preview::Probes {
            readiness: Some(asked(Some("/ready"), None)),
            liveness: Some(asked(Some("/live"), Some(9090))),
            startup: Some(asked(None, Some(9091))),
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
        let timed = preview::Probe {
            initial_delay_seconds: Some(1),
            period_seconds: Some(2),
            timeout_seconds: Some(3),
            failure_threshold: Some(4),
            ..preview::Probe::default()
        };
        let made = probe(&timed);
        let numbers = [
            made.initial_delay_seconds,
            made.period_seconds,
            made.timeout_seconds,
            made.failure_threshold,
        ];
        assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(4)]);
    }
}
