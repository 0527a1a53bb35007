//! The kinds of resources: an Echo with its Deployment and its Service, a Website with its
//! ConfigMap and its Service, and a preview of a crowd that claims one host.

use std::fmt;
use std::sync::Arc;

use clap::ValueEnum;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kubewright::controller::Controller;
use kubewright::registry::Definition;
use kubewright::{KindInfo, Registry};
use operator_api::echo::{Echo, EchoSpec};
use operator_api::preview::{
    PreviewEnvironment, PreviewEnvironmentSpec, PreviewPolicy, Route, RouteType,
};
use serde::Serialize;

use crate::error::Error;
use crate::website::{self, Website, WebsiteSpec};

/// Children of each resource.
pub(crate) const CHILDREN: u32 = 2;
/// The namespace of all resources.
pub(crate) const NAMESPACE: &str = "bench";
/// How the UIDs begin that the recorder gives to resources; the number of the resource follows.
pub(crate) const UIDS: &str = "00000000-0000-4000-8000-";

/// The UID that the recorder gives to the resource with this number.
pub(crate) fn uid(number: usize) -> String {
    format!("{UIDS}{number:012}")
}

/// A custom resource with two children, and its operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Workload {
    /// The operator that the project releases.
    Echo,
    /// An operator as small as a newcomer's.
    Website,
    /// Previews that all claim one host. Only one of them has a route beside its Deployment and its
    /// Service.
    Preview,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Workload {
    /// The name of the controller; figures and names of resources start with it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Website => "website",
            Self::Preview => "preview",
        }
    }

    /// The kinds of one resource: its own, then those of its children.
    pub(crate) fn kinds(self) -> [KindInfo; 3] {
        match self {
            Self::Echo => {
                [KindInfo::of::<Echo>(), KindInfo::of::<Deployment>(), KindInfo::of::<Service>()]
            }
            Self::Website => {
                [KindInfo::of::<Website>(), KindInfo::of::<ConfigMap>(), KindInfo::of::<Service>()]
            }
            Self::Preview => [
                KindInfo::of::<PreviewEnvironment>(),
                KindInfo::of::<Deployment>(),
                KindInfo::of::<Service>(),
            ],
        }
    }

    pub(crate) fn registry(self) -> Registry {
        match self {
            Self::Echo | Self::Preview => operator::registry(),
            Self::Website => website::registry(),
        }
    }

    /// The field manager of its operator.
    pub(crate) fn manager(self) -> &'static str {
        self.registry().name()
    }

    pub(crate) fn controller(self) -> Result<Arc<dyn Controller>, Error> {
        let kind = &self.kinds()[0];
        let registry = self.registry();
        let controller = registry.controller_of(&kind.api_version(), &kind.kind);
        controller
            .cloned()
            .ok_or_else(|| Error::Workload(format!("no controller of {}", kind.resource())))
    }

    /// The definitions of its resource and of the other kinds that its operator watches.
    pub(crate) fn definitions(self) -> Vec<Definition> {
        let kinds = match self {
            Self::Echo | Self::Website => vec![self.kinds()[0].clone()],
            Self::Preview => vec![self.kinds()[0].clone(), KindInfo::of::<PreviewPolicy>()],
        };
        let mut definitions = self.registry().definitions();
        definitions.retain(|definition| kinds.contains(&definition.kind));
        definitions
    }

    /// The name of the resource with this number, and of its children.
    pub(crate) fn object_name(self, number: usize) -> String {
        format!("{}-{number:05}", self.name())
    }

    /// The collection that the resources are created in.
    pub(crate) fn collection(self) -> String {
        self.kinds()[0].path(Some(NAMESPACE))
    }

    /// The path of an object of the resource with this number; `kind` is an index of
    /// [`kinds`](Self::kinds).
    pub(crate) fn path(self, kind: usize, number: usize) -> String {
        format!("{}/{}", self.kinds()[kind].path(Some(NAMESPACE)), self.object_name(number))
    }

    /// The resource of this name, as it is created.
    pub(crate) fn body(self, name: &str) -> Result<String, Error> {
        match self {
            Self::Echo => {
                let (replicas, text) = (Some(2), Some("hello".to_owned()));
                let spec = EchoSpec { replicas, text, ..EchoSpec::default() };
                let mut echo = Echo::new(name, spec);
                echo.metadata.namespace = Some(NAMESPACE.into());
                json(&echo)
            }
            Self::Website => {
                let mut site = Website::new(name, WebsiteSpec { text: "hello".into() });
                site.metadata.namespace = Some(NAMESPACE.into());
                json(&site)
            }
            Self::Preview => {
                let spec = PreviewEnvironmentSpec {
                    image: "registry.example.com/app:1".into(),
                    fqdn: "crowd.preview.example.com".into(),
                    replicas: Some(0),
                    route: Some(Route { type_: Some(RouteType::Ingress), ..Route::default() }),
                    ..PreviewEnvironmentSpec::default()
                };
                let mut preview = PreviewEnvironment::new(name, spec);
                preview.metadata.namespace = Some(NAMESPACE.into());
                json(&preview)
            }
        }
    }
}

/// What the previews of a crowd compete for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// One host.
    Host,
    /// One host, in a namespace whose policy allows ten previews.
    Limit,
}

impl Crowd {
    pub(crate) const ALL: [Self; 2] = [Self::Host, Self::Limit];
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Limit => "limit",
        })
    }
}

fn json(resource: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(resource).map_err(|error| Error::Workload(error.to_string()))
}
