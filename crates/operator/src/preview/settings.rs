//! The settings that an administrator chooses for all previews: arguments of `run` and `render`.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use kubewright::manifests::validate::is_dns_subdomain;
use operator_api::duration;
use operator_api::preview::{GatewayRef, RouteType};

/// Runs the `PreviewEnvironment`s of `platform9.com/v1`. The fields are settings for all of them;
/// by default none is set. `--help` shows the comments of the fields.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "PreviewEnvironment")]
pub struct PreviewOperator {
    /// Type of the route if neither the preview nor a policy sets it. Default: the first of these
    /// that the policies allow and the cluster serves: HTTPRoute (if a Gateway is named), Ingress
    /// (if a class is named or exists), Mapping
    #[arg(long = "preview-route", value_name = "TYPE", value_parser = route_type())]
    pub default_route: Option<RouteType>,

    /// Gateway if neither the preview nor a policy names one; repeat the option, or separate with
    /// commas, for several. Without NAMESPACE, it is a Gateway in the namespace of the preview
    #[arg(
        long = "preview-gateway",
        value_name = "[NAMESPACE/]NAME[:LISTENER]",
        value_delimiter = ',',
        value_parser = gateway
    )]
    pub default_gateways: Vec<GatewayRef>,

    /// Class of Ingresses if neither the preview nor a policy sets it. Default: the default
    /// IngressClass of the cluster, or its oldest
    #[arg(long = "preview-ingress-class", value_name = "NAME", value_parser = ingress_class)]
    pub default_ingress_class: Option<String>,

    /// Host that previews may use, or *.DOMAIN for every host below a domain; repeat the option,
    /// or separate with commas, for several. Default: every host
    #[arg(
        long = "preview-domain",
        value_name = "DOMAIN",
        value_delimiter = ',',
        value_parser = domain
    )]
    pub allowed_domains: Vec<String>,

    /// Maximum lifetime of a preview after the last change of its spec, for example 72h or 1h30m.
    /// Pinned previews do not expire. A preview that is older than a new maximum first gets a
    /// warning, up to an hour before it expires
    #[arg(long = "preview-maximum-ttl", value_name = "TIME", value_parser = duration::parse)]
    pub maximum_ttl: Option<Duration>,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum SettingError {
    #[error(
        "not the name of a Gateway; add its namespace and listener where needed: public, \
         gateways/public or gateways/public:https"
    )]
    Gateway,
    #[error("not the name of an IngressClass; kubectl get ingressclasses shows the names")]
    IngressClass,
    #[error(
        "not a host; write a host such as pr.example.com, or *.example.com for every host below \
         that domain, in lower case"
    )]
    Domain,
}

fn route_type() -> impl TypedValueParser<Value = RouteType> {
    PossibleValuesParser::new(RouteType::ALL.map(RouteType::as_str)).map(|name| {
        RouteType::ALL.into_iter().find(|type_| type_.as_str() == name).unwrap_or(RouteType::None)
    })
}

fn gateway(text: &str) -> Result<GatewayRef, SettingError> {
    let (place, listener) =
        text.split_once(':').map_or((text, None), |(place, listener)| (place, Some(listener)));
    let (namespace, name) =
        place.split_once('/').map_or((None, place), |(namespace, name)| (Some(namespace), name));
    if ![Some(name), namespace, listener].into_iter().flatten().all(is_dns_subdomain) {
        return Err(SettingError::Gateway);
    }
    Ok(GatewayRef {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        section_name: listener.map(str::to_owned),
    })
}

fn ingress_class(text: &str) -> Result<String, SettingError> {
    if is_dns_subdomain(text) { Ok(text.to_owned()) } else { Err(SettingError::IngressClass) }
}

fn domain(text: &str) -> Result<String, SettingError> {
    let host = text.strip_prefix("*.").unwrap_or(text);
    if text == "*" || is_dns_subdomain(host) {
        Ok(text.to_owned())
    } else {
        Err(SettingError::Domain)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn parse(args: &[&str]) -> Result<PreviewOperator, String> {
        let command = PreviewOperator::augment_args(Command::new("run").no_binary_name(true));
        let matches = command.try_get_matches_from(args).map_err(|error| error.to_string())?;
        Ok(PreviewOperator::from_arg_matches(&matches).unwrap())
    }

    #[test]
    fn every_argument_sets_a_field_of_the_operator() {
        let settings = parse(&[
            "--preview-route=Ingress",
            "--preview-gateway=gateways/public:https,inside",
            "--preview-ingress-class=nginx",
            "--preview-domain=*.example.com",
            "--preview-maximum-ttl=168h",
        ]);
        let gateway = |name: &str, namespace: Option<&str>, listener: Option<&str>| GatewayRef {
            name: name.into(),
            namespace: namespace.map(str::to_owned),
            section_name: listener.map(str::to_owned),
        };
        let expected = PreviewOperator {
            default_route: Some(RouteType::Ingress),
            default_gateways: vec![
                gateway("public", Some("gateways"), Some("https")),
                gateway("inside", None, None),
            ],
            default_ingress_class: Some("nginx".into()),
            allowed_domains: vec!["*.example.com".into()],
            maximum_ttl: Some(Duration::from_hours(168)),
        };
        assert_eq!(settings, Ok(expected));
        assert_eq!(parse(&[]), Ok(PreviewOperator::default()));
    }

    #[test]
    fn every_route_type_can_be_chosen() {
        for (text, expected) in [
            ("HTTPRoute", RouteType::HttpRoute),
            ("Ingress", RouteType::Ingress),
            ("Mapping", RouteType::Mapping),
            ("None", RouteType::None),
        ] {
            assert_eq!(parse(&["--preview-route", text]).unwrap().default_route, Some(expected));
        }
    }

    #[test]
    fn an_invalid_value_is_rejected_with_a_valid_example() {
        for (args, help) in [
            (
                ["--preview-route", "ingress"],
                "[possible values: HTTPRoute, Ingress, Mapping, None]",
            ),
            (["--preview-gateway", "a/b/c"], "gateways/public:https"),
            (["--preview-gateway", "Public"], "gateways/public:https"),
            (["--preview-ingress-class", "Nginx"], "kubectl get ingressclasses"),
            (["--preview-domain", "https://a.b"], "*.example.com"),
            (["--preview-domain", "*example.com"], "*.example.com"),
            (["--preview-maximum-ttl", "7d"], "168h"),
            (["--preview-maximum-ttl", "0s"], "zero"),
        ] {
            let error = parse(&args).unwrap_err();
            assert!(error.contains(help), "{args:?}: {error}");
        }
    }
}
