//! The operator of `PreviewEnvironment`, `platform9.com/v1`: from a preview to its objects, and to
//! what is said about it.

use kubewright::core::reason::Explained;
use kubewright::{Children, Condition, Invalid, Observed, Operator, Sample, Verdict, View};
use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentStatus};

use super::blueprint::Blueprint;
use super::expiry::{Bounds, Expiry};
use super::findings::Findings;
use super::kinds::{self, Owns, Reads};
use super::pods::Trouble;
use super::policy::Rules;
use super::{
    PreviewOperator, confinement, deployment, gather, limits, network_policy, reasons, route,
    samples, service, status,
};

impl PreviewOperator {
    /// What `preview` asks for, and what `build` found out about it.
    fn observed<'a>(
        preview: &'a PreviewEnvironment,
        observed: &Observed<'_, Owns>,
    ) -> Blueprint<'a> {
        let findings = observed.facts::<Findings>().cloned();
        Blueprint::of(preview, findings.unwrap_or_else(Findings::nothing))
    }

    /// All objects of a preview.
    fn objects(
        &self,
        preview: &PreviewEnvironment,
        rules: &Rules,
        view: &View<'_, Reads>,
    ) -> Result<Children<Owns>, Invalid> {
        let findings = gather::findings(preview, self, rules, view)?;
        let of = Blueprint::of(preview, findings.clone());
        let mut children = Children::new()
            .with(deployment::deployment(&of, confinement::of_pods(&of, view)))
            .with(service::service(&of));
        children.tell(findings);
        if let Some(trouble) = Trouble::of(&of, view) {
            children.tell(trouble);
        }
        if let Some(policy) = network_policy::network_policy(&of) {
            children.add(policy);
        }
        Ok(route::add_to(children, &of))
    }

    /// The objects, and whether the preview has had its time.
    fn decide(
        &self,
        preview: &PreviewEnvironment,
        view: &View<'_, Reads>,
    ) -> Result<Children<Owns>, Invalid> {
        let rules = Rules::of(preview.metadata.namespace.as_deref().unwrap_or_default(), view);
        let expiry = Expiry::of(preview, &Bounds::of(self.maximum_ttl, &rules), view)?;
        let over = expiry.as_ref().and_then(Expiry::is_over);
        match self.objects(preview, &rules, view) {
            Ok(mut children) => {
                if let Some(expiry) = expiry {
                    children.tell(expiry);
                }
                if let Some((reason, message)) = over {
                    children.retire(reason, message);
                }
                Ok(children)
            }
            // One that never worked is not kept for ever, and warns as well.
            Err(mut invalid) => {
                if let Some(expiry) = expiry {
                    invalid = invalid.tell(expiry);
                }
                Err(match over {
                    Some((reason, message)) => invalid.retire(reason, message),
                    None => invalid,
                })
            }
        }
    }
}

impl Operator for PreviewOperator {
    const NAME: &'static str = kinds::NAME;
    const RETIRES: bool = true;
    type Resource = PreviewEnvironment;
    type Owns = Owns;
    type Reads = Reads;

    fn build(
        &self,
        preview: &PreviewEnvironment,
        view: &View<'_, Self::Reads>,
    ) -> Result<Children<Self::Owns>, Invalid> {
        // What is refused is the preview's own doing, each time: a host that is none, a name, a
        // ttl, or a user that its namespace does not let in. It runs nothing: kept as they
        // were, its pods would be beyond every limit, and its route would take the traffic of a
        // host that another preview may have by now. What an administrator wrote for the operator,
        // a setting or a policy, refuses no preview, even where nobody can understand it:
        // that tears nothing down. A namespace that begins to enforce `restricted` does,
        // for previews that ask for root.
        self.decide(preview, view).map_err(Invalid::withdraw)
    }

    fn status(
        &self,
        preview: &PreviewEnvironment,
        observed: &Observed<'_, Self::Owns>,
    ) -> PreviewEnvironmentStatus {
        status::status(&Self::observed(preview, observed), observed)
    }

    fn conditions(
        &self,
        preview: &PreviewEnvironment,
        observed: &Observed<'_, Self::Owns>,
    ) -> Vec<Condition> {
        let of = Self::observed(preview, observed);
        let route = route::verdict(&of, observed).condition();
        let exceeded = of.findings.exceeded.as_ref().map(limits::condition);
        let expiring = observed.facts::<Expiry>().and_then(Expiry::condition);
        let root = of.findings.root.map(|root| confinement::condition(root, of.namespace));
        let others = [status::host_conflict(&of), exceeded, status::suspended(&of), root, expiring];
        std::iter::once(route).chain(others.into_iter().flatten()).collect()
    }

    fn verdict(
        &self,
        preview: &PreviewEnvironment,
        observed: &Observed<'_, Self::Owns>,
        verdict: Verdict,
    ) -> Verdict {
        let verdict = match observed.facts::<Trouble>() {
            Some(trouble) => trouble.explain(verdict),
            None => verdict,
        };
        status::verdict(&Self::observed(preview, observed), verdict)
    }

    fn reasons() -> Vec<Explained> {
        reasons::reasons()
    }

    fn samples() -> Vec<Sample<PreviewEnvironment>> {
        samples::samples()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::marker::PhantomData;

    use k8s_openapi::api::networking::v1::IngressClass;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use kubewright::Metadata;
    use kubewright::core::kind::AnyObject;
    use kubewright::core::view::Fixed;
    use operator_api::preview::{GatewayRef, PreviewClaim, Route, RouteType, WhenSuspended};
    use serde_json::json;

    use super::*;
    use crate::preview::policy::tests::policy;
    use crate::testing::{self, namespace, preview};

    #[test]
    fn a_preview_is_a_deployment_a_service_and_a_route_of_one_name() {
        let names = testing::names_of(&PreviewOperator::default(), &preview("web"));
        assert_eq!(names, ["Deployment web", "Service web", "Mapping web"]);
    }

    fn route_of(operator: &PreviewOperator, type_: Option<RouteType>) -> Vec<String> {
        let mut preview = preview("web");
        preview.spec.route = Some(Route { type_, ..Route::default() });
        testing::names_of(operator, &preview).split_off(2)
    }

    #[test]
    fn the_route_is_what_the_spec_says_or_what_the_administrator_chose_or_what_is_served() {
        let gateway = GatewayRef { name: "public".into(), ..GatewayRef::default() };
        let chosen = |type_| PreviewOperator {
            default_route: type_,
            default_gateways: vec![gateway.clone()],
            ..PreviewOperator::default()
        };
        for (operator, spoken, expected) in [
            (chosen(None), None, &["Mapping web"][..]),
            (chosen(None), Some(RouteType::Ingress), &["Ingress web"]),
            (chosen(None), Some(RouteType::HttpRoute), &["HTTPRoute web"]),
            (chosen(None), Some(RouteType::None), &[]),
            (chosen(Some(RouteType::Ingress)), None, &["Ingress web"]),
            (chosen(Some(RouteType::HttpRoute)), None, &["HTTPRoute web"]),
            (chosen(Some(RouteType::None)), None, &[]),
            (chosen(Some(RouteType::None)), Some(RouteType::Mapping), &["Mapping web"]),
        ] {
            assert_eq!(route_of(&operator, spoken), expected, "{operator:?}, {spoken:?}");
        }
    }

    #[test]
    fn the_gateways_of_the_spec_come_before_those_of_a_policy_and_those_before_the_operators() {
        let gateway = |name: &str| GatewayRef { name: name.to_owned(), ..GatewayRef::default() };
        let operator = PreviewOperator {
            default_gateways: vec![gateway("operator")],
            ..PreviewOperator::default()
        };
        let with_policy = Fixed::empty()
            .with(policy("p", json!({ "routes": { "parentRefs": [{ "name": "policy" }] } })));
        let gateways = |preview: &PreviewEnvironment, world: &Fixed| {
            let view = View::new(world);
            let findings =
                gather::findings(preview, &operator, &Rules::of("shop", &view), &view).unwrap();
            Blueprint::of(preview, findings).gateways().to_vec()
        };
        let mut preview = preview("web");
        assert_eq!(gateways(&preview, &Fixed::empty()), [gateway("operator")]);
        assert_eq!(gateways(&preview, &with_policy), [gateway("policy")]);
        preview.spec.route = Some(Route { parent_refs: vec![gateway("own")], ..Route::default() });
        assert_eq!(gateways(&preview, &with_policy), [gateway("own")]);
    }

    #[test]
    fn the_class_of_the_spec_comes_before_that_of_a_policy_and_that_before_the_operators_and_the_clusters()
     {
        let nginx: Metadata<IngressClass> = Metadata {
            types: None,
            metadata: ObjectMeta { name: Some("cluster".into()), ..ObjectMeta::default() },
            _phantom: PhantomData,
        };
        let cluster = || Fixed::empty().with(nginx.clone());
        let with_policy =
            || cluster().with(policy("p", json!({ "routes": { "ingressClassName": "policy" } })));
        let default = PreviewOperator::default;
        let chosen =
            PreviewOperator { default_ingress_class: Some("operator".into()), ..default() };
        let class = |operator: &PreviewOperator, world: &Fixed, spoken: Option<&str>| {
            let mut preview = preview("web");
            let ingress_class_name = spoken.map(str::to_owned);
            preview.spec.route = Some(Route {
                type_: Some(RouteType::Ingress),
                ingress_class_name,
                ..Route::default()
            });
            let children = testing::desired_in(operator, &preview, world);
            let ingress = children.iter().find(|child| child.kind.kind == "Ingress").unwrap();
            ingress.body()["spec"]["ingressClassName"].as_str().map(str::to_owned)
        };
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(class(&default(), &Fixed::empty(), None), None, "which a controller may heed");
        assert_eq!(class(&default(), &cluster(), None), named("cluster"));
        assert_eq!(class(&chosen, &cluster(), None), named("operator"));
        assert_eq!(class(&chosen, &with_policy(), None), named("policy"));
        assert_eq!(class(&chosen, &with_policy(), Some("own")), named("own"));
    }

    #[test]
    fn a_network_policy_is_made_where_a_policy_asks_for_one_and_lets_in_whom_that_names() {
        let from = json!({ "networkPolicy": { "fromNamespaces": ["gateways", "monitoring"] } });
        let world = testing::with_ambassador().with(policy("p", from));
        let names = testing::names_in(&PreviewOperator::default(), &preview("web"), &world);
        assert_eq!(names, ["Deployment web", "Service web", "NetworkPolicy web", "Mapping web"]);
    }

    #[test]
    fn a_preview_that_sleeps_keeps_its_objects_and_its_route_unless_that_is_to_go() {
        let mut preview = preview("web");
        preview.spec.suspend = Some(true);
        assert_eq!(
            testing::names_of(&PreviewOperator::default(), &preview),
            ["Deployment web", "Service web", "Mapping web"]
        );
        preview.spec.route =
            Some(Route { when_suspended: Some(WhenSuspended::Remove), ..Route::default() });
        assert_eq!(
            testing::names_of(&PreviewOperator::default(), &preview),
            ["Deployment web", "Service web"]
        );
        preview.spec.suspend = Some(false);
        assert_eq!(
            testing::names_of(&PreviewOperator::default(), &preview),
            ["Deployment web", "Service web", "Mapping web"]
        );
    }

    #[test]
    fn a_preview_with_a_route_of_its_own_looks_at_its_namespace_and_pods_and_at_who_claims_its_host_and_at_nothing_else()
     {
        let source = Fixed::empty();
        let view = View::new(&source);
        let mut preview = preview("web");
        let class = Some("nginx".to_owned());
        preview.spec.route = Some(Route {
            type_: Some(RouteType::Ingress),
            ingress_class_name: class,
            ..Route::default()
        });
        let _ = PreviewOperator::default().build(&preview, &view);
        let lookups = view.into_lookups();
        let asked: Vec<String> =
            lookups.iter().map(|l| format!("{} {:?}", l.kind.resource(), l.query)).collect();
        let policies = asked.iter().filter(|asked| asked.starts_with("previewpolicies.")).count();
        assert_eq!(
            (asked.len(), policies),
            (4, 1),
            "{asked:?}: of a namespace without labels only policies for all of them"
        );
        let wakes =
            |object: &dyn AnyObject| lookups.iter().any(|lookup| lookup.query.matches(object));
        assert!(wakes(&namespace("shop", &[])) && !wakes(&namespace("other", &[])), "{asked:?}");
        assert!(wakes(&PreviewClaim::of(&preview)), "{asked:?}");
        preview.spec.fqdn = "other.example.com".into();
        assert!(!wakes(&PreviewClaim::of(&preview)), "{asked:?}");
    }

    /// A world in which `shop/older` holds the host of the preview `web`.
    fn contested() -> Fixed {
        let mut older = preview("older");
        older.spec.fqdn = "web.example.com".into();
        testing::beside(testing::with_ambassador(), &older)
    }

    #[test]
    fn a_preview_whose_host_another_holds_has_its_pods_and_no_route_and_says_who() {
        let mut web = preview("web");
        web.metadata.uid = Some("u-1".into());
        let names = testing::names_in(&PreviewOperator::default(), &web, &contested());
        assert_eq!(names, ["Deployment web", "Service web"]);
        let runs = (
            "Deployment",
            r#"{"replicas":1,"readyReplicas":1,"updatedReplicas":1,"availableReplicas":1,"observedGeneration":1}"#,
        );
        let operator = PreviewOperator::default();
        let (conditions, verdict, status) =
            testing::observed_in(&operator, &web, &contested(), &[runs], |observed| {
                let verdict = operator.verdict(&web, observed, Verdict::Ready(String::new()));
                (operator.conditions(&web, observed), verdict, operator.status(&web, observed))
            });
        let said: Vec<_> = conditions.iter().map(|c| (c.type_, c.status, c.reason)).collect();
        assert_eq!(
            said,
            [
                ("RouteAccepted", Some(false), "HostConflict"),
                ("HostConflict", Some(true), "HeldByAnother")
            ]
        );
        assert!(
            conditions.iter().all(|c| c.message.contains("PreviewEnvironment shop/older")),
            "{conditions:?}"
        );
        assert_eq!(status.url, None);
        let Verdict::Stalled("HostConflict", message) = verdict else { panic!("{verdict:?}") };
        assert!(message.contains("shop/older"), "{message}");
    }

    #[test]
    fn where_nothing_serves_a_route_the_preview_is_ready_nevertheless() {
        let (operator, web) = (PreviewOperator::default(), preview("web"));
        let ready = Verdict::Ready("all is well".into());
        let (conditions, verdict) =
            testing::observed_in(&operator, &web, &Fixed::empty(), &[], |observed| {
                (
                    operator.conditions(&web, observed),
                    operator.verdict(&web, observed, ready.clone()),
                )
            });
        assert_eq!(
            (conditions[0].status, conditions[0].reason, verdict),
            (Some(false), "RouteApiNotServed", ready)
        );
        assert!(conditions[0].message.contains("http://web.shop:80"), "{}", conditions[0].message);
    }

    #[test]
    fn a_name_that_no_service_can_have_is_refused() {
        let refused =
            PreviewOperator::default().build(&preview("1-web"), &View::new(&Fixed::empty()));
        assert_eq!(refused.err().map(|invalid| invalid.reason), Some("NameNotUsable"));
    }

    #[test]
    fn a_host_that_would_take_the_traffic_of_others_is_refused() {
        let mut preview = preview("web");
        preview.spec.fqdn = "*".into();
        let refused = PreviewOperator::default().build(&preview, &View::new(&Fixed::empty()));
        assert_eq!(refused.err().map(|invalid| invalid.reason), Some("HostNotUsable"));
    }
}
