//! Names and labels of metrics.

use super::*;

#[test]
fn names_and_labels_are_as_documented() {
    let metrics = Metrics::new();
    metrics.reconciled("echo", Duration::from_millis(1), Some(Class::NotOwned));
    metrics.wrote("echo", "Deployment", "create");
    metrics.requested("apply", 201, Duration::from_millis(1));
    metrics.queue([3, 2, 1], 1);
    metrics.waited(Priority::Sweep, Duration::from_millis(1500));
    metrics.pending_expirations(4);
    let text = metrics.encode();
    for line in [
        r#"kubewright_reconciles_total{controller="echo"} 1"#,
        r#"kubewright_reconcile_errors_total{controller="echo",class="not_owned"} 1"#,
        r#"kubewright_writes_total{controller="echo",kind="Deployment",action="create"} 1"#,
        r#"kubewright_api_requests_total{verb="apply",code="201"} 1"#,
        r#"kubewright_queue_depth{priority="change"} 3"#,
        r#"kubewright_queue_depth{priority="resync"} 1"#,
        r#"kubewright_queue_lag_seconds_sum{priority="sweep"} 1.5"#,
        r#"kubewright_queue_lag_seconds_bucket{le="1.024",priority="sweep"} 0"#,
        "kubewright_pending_expirations 4",
        "kubewright_reconcile_duration_seconds_count",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}
