//! The operator of `PreviewEnvironment`, `platform9.com/v1`.

use kubewright::{Children, ConditionType, Invalid, Observed, Operator, Report, Sample, View, of};
use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentStatus, StoredPolicy};

use super::admission::candidate::Candidate;
use super::admission::claims::Holding;
use super::admission::decision::{Decision, READY_REFUSALS, ROUTE_REFUSALS, Routing};
use super::admission::host::HOST_REASONS;
use super::admission::resolve::{self, FIELD_REASONS};
use super::admission::security::POD_SECURITY_REASONS;
use super::facts::Facts;
use super::kinds::{NAME, Owns, Reads, Routes};
use super::lifetime::expiry::{self, Expiry};
use super::lifetime::warning::{self, EXPIRING_CONDITION};
use super::objects::blueprint::Blueprint;
use super::objects::deployment::Replacement;
use super::objects::{deployment, http_route, ingress, mapping, network_policy, service};
use super::report::acceptance::{ROUTE_ACCEPTED_CONDITION, ROUTE_WAITS};
use super::report::pod_failure::{POD_REASONS, PodFailure};
use super::report::{conditions, readiness, route, status};
use super::samples;
use super::settings::PreviewOperator;
use crate::naming::NAME_REASONS;

impl Operator for PreviewOperator {
    const NAME: &'static str = NAME;
    const CONDITIONS: &'static [ConditionType] = &[
        HOST_REASONS,
        NAME_REASONS,
        FIELD_REASONS,
        POD_SECURITY_REASONS,
        READY_REFUSALS,
        POD_REASONS,
        ROUTE_WAITS,
        ROUTE_ACCEPTED_CONDITION,
        ROUTE_REFUSALS,
        conditions::HOST_CONFLICT_CONDITION,
        conditions::LIMIT_EXCEEDED_CONDITION,
        conditions::REFUSAL_ANNOUNCED_CONDITION,
        conditions::SUSPENDED_CONDITION,
        conditions::MAY_RUN_AS_ROOT_CONDITION,
        EXPIRING_CONDITION,
    ];
    type Resource = PreviewEnvironment;
    type Owns = Owns;
    type Reads = Reads;
    type Facts = Facts;

    fn build(
        &self,
        preview: &PreviewEnvironment,
        view: &View<'_, Self>,
    ) -> Result<Children<Self>, Invalid> {
        let candidate = Candidate::new(preview, self, view);
        let holding = Holding::find(&candidate);
        let changed_at = expiry::changed_at(preview, view);
        let expiry = Expiry::resolve(preview, changed_at, self, &candidate.policies, view);
        let expired = expiry.as_ref().and_then(warning::event);
        let host = matches!(holding, Holding::Own).then(|| preview.spec.fqdn.clone());
        let mut facts = Facts { host, changed_at, expiry, ..Facts::default() };
        let children = match resolve::resolve(&candidate, &holding, changed_at) {
            Ok(decision) => {
                let blueprint = Blueprint::new(preview);
                facts.replacement = Replacement::find(&blueprint, view);
                let children = objects(&blueprint, &decision, facts.replacement);
                facts.pod_failure = PodFailure::find(&blueprint, view);
                facts.decision = Some(decision);
                children
            }
            // The objects of a rejected preview are deleted: otherwise its pods could exceed every
            // limit, and its route could name a host that the preview no longer claims.
            Err(invalid) => Children::withdrawn(invalid),
        };
        let mut children = children.with_facts(facts);
        if let Some((reason, message)) = expired {
            children.expire(reason, message);
        }
        Ok(children)
    }

    fn report(
        &self,
        preview: &PreviewEnvironment,
        observed: &Observed<'_, Self>,
        facts: &Facts,
    ) -> Report<PreviewEnvironmentStatus> {
        let blueprint = Blueprint::new(preview);
        let route = route::condition(&blueprint, facts.decision.as_ref(), observed);
        let children = observed.readiness().clone();
        Report {
            status: status::status(&blueprint, facts, &route, observed),
            readiness: readiness::readiness(&blueprint, facts, &route, children),
            conditions: conditions::conditions(&blueprint, facts, route),
        }
    }

    fn advice(&self, view: &View<'_, Self>) -> Vec<String> {
        let mut advice = Vec::new();
        if view.list(of::<StoredPolicy>(), None, &[]).is_empty() {
            let text = "no PreviewPolicy exists: each user who may create a PreviewEnvironment may \
                        run every image under every host, without end; apply a policy, for \
                        example the sample `strict`";
            advice.push(text.to_owned());
        }
        if !view.sees_all_namespaces() {
            let text = "hosts are compared only within the namespaces of --namespace: another \
                        operator may give the same host to a preview elsewhere, so give each \
                        operator its own --preview-domain";
            advice.push(text.to_owned());
        }
        advice
    }

    fn samples() -> Vec<Sample<PreviewEnvironment>> {
        samples::preview_samples()
    }
}

fn objects(
    blueprint: &Blueprint<'_>,
    decision: &Decision,
    replacement: Replacement,
) -> Children<PreviewOperator> {
    let deployment =
        deployment::deployment(blueprint, decision.replicas, decision.user, replacement);
    let service = service::service(blueprint, &deployment);
    let mut children = Children::new().with(deployment).with(service);
    if let Some(namespaces) = &decision.reachable_from {
        children.add(network_policy::network_policy(blueprint, namespaces));
    }
    let group = of::<Routes>();
    match &decision.routing {
        Routing::HttpRoute(gateways) => {
            children.add_exclusive(group, http_route::http_route(blueprint, gateways));
        }
        Routing::Ingress(class) => {
            children.add_exclusive(group, ingress::ingress(blueprint, class.as_deref()));
        }
        Routing::Mapping => {
            children.add_exclusive(group, mapping::mapping(blueprint));
        }
        Routing::NotRequested | Routing::RemovedWhileSuspended | Routing::Refused(_) => {}
    }
    children
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::marker::PhantomData;

    use k8s_openapi::api::networking::v1::IngressClass;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use kubewright::kind::AnyObject;
    use kubewright::{Metadata, Readiness};
    use operator_api::preview::{PreviewClaim, Route, RouteType, WhenSuspended};
    use serde_json::json;

    use super::*;
    use crate::preview::admission::policy::tests::policy;
    use crate::testing::{self, FakeCluster, gateway, namespace, preview};

    #[test]
    fn the_operator_advises_a_policy_and_warns_that_hosts_elsewhere_are_unknown() {
        let advice =
            |cluster: FakeCluster| PreviewOperator::default().advice(&testing::view_of(&cluster));
        let [missing] = &*advice(FakeCluster::empty()) else { panic!("one text") };
        assert!(missing.starts_with("no PreviewPolicy exists"), "{missing}");
        let with_policy = || FakeCluster::empty().with(policy("p", json!({})));
        assert!(advice(with_policy()).is_empty());
        let [limited] = &*advice(with_policy().limited()) else { panic!("one text") };
        assert!(limited.starts_with("hosts are compared only within"), "{limited}");
    }

    #[test]
    fn a_preview_has_a_deployment_a_service_and_a_route_of_one_name() {
        let names = testing::names_of(&PreviewOperator::default(), &preview("web"));
        assert_eq!(names, ["Deployment web", "Service web", "Mapping web"]);
    }

    fn route_of(operator: &PreviewOperator, type_: Option<RouteType>) -> Vec<String> {
        let mut preview = preview("web");
        preview.spec.route = Some(Route { type_, ..Route::default() });
        testing::names_of(operator, &preview).split_off(2)
    }

    #[test]
    fn the_route_type_comes_from_the_spec_or_else_the_settings_or_else_the_cluster() {
        let settings = |type_| PreviewOperator {
            default_route: type_,
            default_gateways: vec![gateway("public", None, None)],
            ..PreviewOperator::default()
        };
        for (operator, spec, expected) in [
            (settings(None), None, &["Mapping web"][..]),
            (settings(None), Some(RouteType::Ingress), &["Ingress web"]),
            (settings(None), Some(RouteType::HttpRoute), &["HTTPRoute web"]),
            (settings(None), Some(RouteType::None), &[]),
            (settings(Some(RouteType::Ingress)), None, &["Ingress web"]),
            (settings(Some(RouteType::HttpRoute)), None, &["HTTPRoute web"]),
            (settings(Some(RouteType::None)), None, &[]),
            (settings(Some(RouteType::None)), Some(RouteType::Mapping), &["Mapping web"]),
        ] {
            assert_eq!(route_of(&operator, spec), expected, "{operator:?}, {spec:?}");
        }
    }

    #[test]
    fn the_ingress_class_comes_from_the_spec_or_else_a_policy_the_settings_or_the_cluster() {
        let nginx: Metadata<IngressClass> = Metadata {
            types: None,
            metadata: ObjectMeta { name: Some("cluster".into()), ..ObjectMeta::default() },
            _phantom: PhantomData,
        };
        let cluster = || FakeCluster::empty().with(nginx.clone());
        let with_policy =
            || cluster().with(policy("p", json!({ "routes": { "ingressClassName": "policy" } })));
        let default = PreviewOperator::default;
        let settings =
            PreviewOperator { default_ingress_class: Some("settings".into()), ..default() };
        let class = |operator: &PreviewOperator, cluster: &FakeCluster, spec: Option<&str>| {
            let mut preview = preview("web");
            preview.spec.route = Some(Route {
                type_: Some(RouteType::Ingress),
                ingress_class_name: spec.map(str::to_owned),
                ..Route::default()
            });
            let children = testing::objects_in(operator, &preview, cluster);
            let ingress = children.iter().find(|child| child["kind"] == "Ingress").unwrap();
            ingress["spec"]["ingressClassName"].as_str().map(str::to_owned)
        };
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(
            class(&default(), &FakeCluster::empty(), None),
            None,
            "some controllers serve it"
        );
        assert_eq!(class(&default(), &cluster(), None), named("cluster"));
        assert_eq!(class(&settings, &cluster(), None), named("settings"));
        assert_eq!(class(&settings, &with_policy(), None), named("policy"));
        assert_eq!(class(&settings, &with_policy(), Some("own")), named("own"));
    }

    #[test]
    fn a_policy_with_a_list_of_namespaces_adds_a_network_policy() {
        let from = json!({ "networkPolicy": { "fromNamespaces": ["gateways", "monitoring"] } });
        let cluster = testing::with_ambassador().with(policy("p", from));
        let names = testing::names_in(&PreviewOperator::default(), &preview("web"), &cluster);
        assert_eq!(names, ["Deployment web", "Service web", "NetworkPolicy web", "Mapping web"]);
    }

    #[test]
    fn a_suspended_preview_keeps_its_objects_but_a_route_that_is_to_be_removed() {
        let names =
            |preview: &PreviewEnvironment| testing::names_of(&PreviewOperator::default(), preview);
        let (mut preview, all) = (preview("web"), ["Deployment web", "Service web", "Mapping web"]);
        preview.spec.suspend = Some(true);
        assert_eq!(names(&preview), all);
        preview.spec.route =
            Some(Route { when_suspended: Some(WhenSuspended::Remove), ..Route::default() });
        assert_eq!(names(&preview), all[..2]);
        preview.spec.suspend = Some(false);
        assert_eq!(names(&preview), all);
    }

    #[test]
    fn a_preview_with_its_own_route_looks_up_only_its_namespace_pods_policies_class_and_rivals() {
        let source = FakeCluster::empty();
        let mut preview = preview("web");
        preview.spec.route = Some(Route {
            type_: Some(RouteType::Ingress),
            ingress_class_name: Some("nginx".to_owned()),
            ..Route::default()
        });
        let view = View::new(&source, &preview.metadata);
        let _ = PreviewOperator::default().build(&preview, &view);
        let lookups = view.into_lookups();
        let queries: Vec<String> =
            lookups.iter().map(|l| format!("{} {:?}", l.kind.resource(), l.query)).collect();
        let policies = queries.iter().filter(|query| query.starts_with("previewpolicies."));
        assert_eq!(
            (queries.len(), policies.count()),
            (6, 1),
            "{queries:?}: for a namespace without labels only policies without a required label"
        );
        let matches = |kind: &str, object: &dyn AnyObject| {
            let mut lookups = lookups.iter().filter(|lookup| lookup.kind.kind == kind);
            lookups.any(|lookup| lookup.query.matches(object))
        };
        let is_looked_up = |name: &str| matches("Namespace", &namespace(name, &[]));
        assert!(is_looked_up("shop") && !is_looked_up("other"), "{queries:?}");
        let wakes = |claim: &PreviewClaim| matches("PreviewEnvironment", claim);
        assert!(wakes(&PreviewClaim::from(&preview)), "{queries:?}");
        preview.spec.fqdn = "other.example.com".into();
        assert!(!wakes(&PreviewClaim::from(&preview)), "{queries:?}");
    }

    /// A cluster in which `shop/older` holds the host of the preview `web`.
    fn contested() -> FakeCluster {
        let mut older = preview("older");
        older.spec.fqdn = "web.example.com".into();
        testing::beside(testing::with_ambassador(), &older)
    }

    #[test]
    fn a_preview_whose_host_another_holds_has_pods_and_no_route_and_names_the_holder() {
        let mut web = preview("web");
        web.metadata.uid = Some("u-1".into());
        let operator = PreviewOperator::default();
        let names = testing::names_in(&operator, &web, &contested());
        assert_eq!(names, ["Deployment web", "Service web"]);
        let runs = r#"{"replicas":1,"readyReplicas":1,"updatedReplicas":1,"availableReplicas":1,
            "observedGeneration":1}"#;
        let (children, ready) = ([("Deployment", runs)], Readiness::Ready(String::new()));
        let report = testing::report_with(&operator, &web, &contested(), &children, &ready);
        let conditions: Vec<_> =
            report.conditions.iter().map(|c| (c.type_, c.status, c.reason)).collect();
        assert_eq!(
            conditions,
            [
                ("RouteAccepted", Some(false), "HostConflict"),
                ("HostConflict", Some(true), "HeldByAnother")
            ]
        );
        assert!(
            report.conditions.iter().all(|c| c.message.contains("PreviewEnvironment older holds")),
            "{:?}",
            report.conditions
        );
        assert_eq!(report.status.url, None);
        let Readiness::Stalled("HostConflict", message) = &report.readiness else {
            panic!("{:?}", report.readiness)
        };
        assert!(message.contains("PreviewEnvironment older holds"), "{message}");
    }

    #[test]
    fn where_no_route_is_served_the_preview_is_ready_and_reports_its_address_in_the_cluster() {
        let (operator, ready) =
            (PreviewOperator::default(), Readiness::Ready("all objects are in place".into()));
        let cluster = FakeCluster::empty();
        let report = testing::report_with(&operator, &preview("web"), &cluster, &[], &ready);
        let route = &report.conditions[0];
        assert_eq!((route.status, route.reason), (Some(false), "RouteApiNotServed"));
        assert!(matches!(report.readiness, Readiness::Ready(_)), "{:?}", report.readiness);
        assert!(route.message.contains("http://web.shop:80"), "{}", route.message);
    }

    #[test]
    fn a_name_or_host_that_cannot_be_used_is_rejected_and_the_objects_are_deleted() {
        let rejected = |preview: &PreviewEnvironment| {
            testing::withdrawn_in(&PreviewOperator::default(), preview, &FakeCluster::empty())
        };
        assert_eq!(rejected(&preview("1-web")), Some("NameNotUsable"));
        let mut preview = preview("web");
        preview.spec.fqdn = "*".into();
        assert_eq!(rejected(&preview), Some("HostNotUsable"));
    }
}
