//! What the administrator of a cluster chooses for all resources: arguments of `run` and `render`.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use kubewright::Registry;
use kubewright::manifests::validate::is_dns_subdomain;
use operator_api::duration::{self, DurationError};
use operator_api::preview::{GatewayRef, RouteType};

use crate::preview::PreviewOperator;
use crate::registry::registry_with;

/// What is chosen for all `PreviewEnvironment`s. The comments at the fields are what `--help` says.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "PreviewEnvironment")]
pub struct Settings {
    /// What the route is of a preview that does not say; by default the first that the cluster
    /// serves: an HTTPRoute where --preview-gateway names a Gateway, an Ingress where there is
    /// an IngressClass, a Mapping
    #[arg(long = "preview-route", value_name = "TYPE", value_parser = route_type())]
    route: Option<RouteType>,

    /// A Gateway of the HTTPRoutes of previews that name none; without a namespace, one beside the
    /// preview; more than once, or with commas, for several
    #[arg(long = "preview-gateway", value_name = "[NAMESPACE/]NAME[:LISTENER]", value_delimiter = ',', value_parser = gateway)]
    gateways: Vec<GatewayRef>,

    /// The class of the Ingresses of previews that name none; by default the class that the
    /// cluster has as its default, or else its oldest
    #[arg(long = "preview-ingress-class", value_name = "NAME", value_parser = class)]
    ingress_class: Option<String>,

    /// A host that previews may have, or *.DOMAIN for every host below a domain; more than once,
    /// or with commas, for several; by default every host
    #[arg(long = "preview-domain", value_name = "DOMAIN", value_delimiter = ',', value_parser = domain)]
    domains: Vec<String>,

    /// How long a preview is kept at most after the last change of its spec, unless it is pinned
    /// (72h, 1h30m); by default as long as it says itself. Those that are older already are
    /// warned first, for a tenth of the time that they were told, an hour at most,
    /// and then deleted: see --deletions-per-minute
    #[arg(long = "preview-maximum-ttl", value_name = "TIME", value_parser = time)]
    maximum_ttl: Option<Duration>,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum SettingError {
    #[error(
        "write the name of a Gateway, with its namespace before it and a listener behind it where they are needed: public, gateways/public, gateways/public:https"
    )]
    Gateway,
    #[error("write the name of an IngressClass as kubectl get ingressclasses shows it, like nginx")]
    Class,
    #[error(
        "write a host like pr.example.com, or *.example.com for every host below that domain, in lower case"
    )]
    Domain,
    #[error(transparent)]
    Time(#[from] DurationError),
}

impl Settings {
    /// All operators of this program with these settings.
    #[must_use]
    pub fn registry(self) -> Registry {
        let Self { route, gateways, ingress_class, domains, maximum_ttl } = self;
        registry_with(PreviewOperator {
            default_route: route,
            default_gateways: gateways,
            default_ingress_class: ingress_class,
            allowed_domains: domains,
            maximum_ttl,
        })
    }
}

fn route_type() -> impl clap::builder::TypedValueParser<Value = RouteType> {
    // As resources write them.
    let all = [
        ("HTTPRoute", RouteType::HttpRoute),
        ("Ingress", RouteType::Ingress),
        ("Mapping", RouteType::Mapping),
        ("None", RouteType::None),
    ];
    let of = move |text: String| {
        all.into_iter().find(|(name, _)| *name == text).map_or(RouteType::None, |(_, type_)| type_)
    };
    PossibleValuesParser::new(all.map(|(name, _)| name)).map(of)
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

fn class(text: &str) -> Result<String, SettingError> {
    if is_dns_subdomain(text) { Ok(text.to_owned()) } else { Err(SettingError::Class) }
}

fn domain(text: &str) -> Result<String, SettingError> {
    let host = text.strip_prefix("*.").unwrap_or(text);
    if text == "*" || is_dns_subdomain(host) {
        Ok(text.to_owned())
    } else {
        Err(SettingError::Domain)
    }
}

fn time(text: &str) -> Result<Duration, SettingError> {
    Ok(duration::parse(text)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn parsed(args: &[&str]) -> Result<Settings, String> {
        let command = Settings::augment_args(Command::new("run").no_binary_name(true));
        let matches = command.try_get_matches_from(args).map_err(|error| error.to_string())?;
        Ok(Settings::from_arg_matches(&matches).unwrap())
    }

    #[test]
    fn what_is_chosen_is_what_the_operator_gets() {
        let settings = parsed(&[
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
        let expected = Settings {
            route: Some(RouteType::Ingress),
            gateways: vec![
                gateway("public", Some("gateways"), Some("https")),
                gateway("inside", None, None),
            ],
            ingress_class: Some("nginx".into()),
            domains: vec!["*.example.com".into()],
            maximum_ttl: Some(Duration::from_hours(168)),
        };
        assert_eq!(settings, Ok(expected));
        assert_eq!(parsed(&[]), Ok(Settings::default()));
    }

    #[test]
    fn every_type_of_route_can_be_chosen() {
        for (text, expected) in [
            ("HTTPRoute", RouteType::HttpRoute),
            ("Ingress", RouteType::Ingress),
            ("Mapping", RouteType::Mapping),
            ("None", RouteType::None),
        ] {
            assert_eq!(parsed(&["--preview-route", text]).unwrap().route, Some(expected));
        }
    }

    #[test]
    fn what_cannot_be_used_is_answered_with_what_to_write() {
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
            (["--preview-maximum-ttl", "0s"], "it is zero"),
        ] {
            let error = parsed(&args).unwrap_err();
            assert!(error.contains(help), "{args:?}: {error}");
        }
    }
}
