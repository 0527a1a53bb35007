//! Resources for tests: `echo("web").with_replicas(3).labelled("team", "shop")`. These functions
//! only create values; none of them connects to a cluster.
#![allow(clippy::expect_used)]

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Namespace, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kubewright::{Metadata, Object};
use operator_api::echo::{Echo, EchoSpec, ServiceType};
use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentSpec};
use operator_api::{echo, echo_test};
use serde_json::Value;

/// An `Echo` of `example.com` with an empty spec.
#[must_use]
pub fn echo(name: &str) -> Echo {
    Echo::new(name, EchoSpec::default())
}

/// An `Echo` of `test.com` with one replica that answers `hello`.
#[must_use]
pub fn test_echo(name: &str) -> echo_test::Echo {
    echo_test::Echo::new(name, echo_test::EchoSpec { replicas: 1, text: "hello".into() })
}

/// A preview at `NAME.example.com` of an image that the test cluster can run.
#[must_use]
pub fn preview(name: &str) -> PreviewEnvironment {
    let image = "inanimate/echo-server:latest".into();
    let spec = PreviewEnvironmentSpec {
        image,
        fqdn: format!("{name}.example.com"),
        ..PreviewEnvironmentSpec::default()
    };
    PreviewEnvironment::new(name, spec)
}

/// A namespace as operators read it: metadata only.
#[must_use]
pub fn namespace(name: &str) -> Metadata<Namespace> {
    let mut namespace = Metadata::<Namespace>::default();
    namespace.metadata.name = Some(name.to_owned());
    namespace
}

/// Changes of a resource of any kind.
pub trait Fixture: Object {
    /// Sets the namespace.
    #[must_use]
    fn in_namespace(mut self, namespace: &str) -> Self {
        self.meta_mut().namespace = Some(namespace.to_owned());
        self
    }

    /// Sets the UID, as if the resource existed.
    #[must_use]
    fn with_uid(mut self, uid: &str) -> Self {
        self.meta_mut().uid = Some(uid.to_owned());
        self
    }

    /// Adds a label.
    #[must_use]
    fn labelled(mut self, key: &str, value: &str) -> Self {
        self.meta_mut().labels.get_or_insert_default().insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds an annotation.
    #[must_use]
    fn annotated(mut self, key: &str, value: &str) -> Self {
        self.meta_mut()
            .annotations
            .get_or_insert_default()
            .insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets a deletion timestamp and a foreign finalizer.
    #[must_use]
    fn deleted(mut self) -> Self {
        self.meta_mut().deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        self.meta_mut().finalizers = Some(vec!["tests.example.com/hold".to_owned()]);
        self
    }
}

impl<K: Object> Fixture for K {}

/// A namespace that enforces the Pod Security Standard *restricted*.
#[must_use]
pub fn restricted_namespace(name: &str) -> Metadata<Namespace> {
    namespace(name).labelled("pod-security.kubernetes.io/enforce", "restricted")
}

/// Changes of an `Echo` of either group.
pub trait EchoFixture {
    /// Sets the number of replicas.
    #[must_use]
    fn with_replicas(self, replicas: i32) -> Self;
    /// Sets the text.
    #[must_use]
    fn with_text(self, text: &str) -> Self;
}

impl EchoFixture for Echo {
    fn with_replicas(mut self, replicas: i32) -> Self {
        self.spec.replicas = Some(replicas);
        self
    }

    fn with_text(mut self, text: &str) -> Self {
        self.spec.text = Some(text.to_owned());
        self
    }
}

impl EchoFixture for echo_test::Echo {
    fn with_replicas(mut self, replicas: i32) -> Self {
        self.spec.replicas = replicas;
        self
    }

    fn with_text(mut self, text: &str) -> Self {
        text.clone_into(&mut self.spec.text);
        self
    }
}

/// Changes of an `Echo` of `example.com`.
pub trait ExampleEchoFixture {
    /// Sets the image.
    #[must_use]
    fn with_image(self, image: &str) -> Self;
    /// Sets the type of the Service.
    #[must_use]
    fn with_service(self, type_: ServiceType) -> Self;
    /// Sets the port of the Service.
    #[must_use]
    fn with_port(self, port: i32) -> Self;
    /// Sets the node port of the Service.
    #[must_use]
    fn with_node_port(self, port: i32) -> Self;
    /// Sets requests and limits: `[("cpu", "10m")]`.
    #[must_use]
    fn with_resources(self, requests: &[(&str, &str)], limits: &[(&str, &str)]) -> Self;
}

impl ExampleEchoFixture for echo::Echo {
    fn with_image(mut self, image: &str) -> Self {
        self.spec.image = Some(image.to_owned());
        self
    }

    fn with_service(mut self, type_: ServiceType) -> Self {
        self.spec.service.type_ = Some(type_);
        self
    }

    fn with_port(mut self, port: i32) -> Self {
        self.spec.service.port = Some(port);
        self
    }

    fn with_node_port(mut self, port: i32) -> Self {
        self.spec.service.node_port = Some(port);
        self
    }

    fn with_resources(mut self, requests: &[(&str, &str)], limits: &[(&str, &str)]) -> Self {
        let quantities = |amounts: &[(&str, &str)]| -> Option<BTreeMap<String, Quantity>> {
            let amounts = amounts
                .iter()
                .map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned())));
            Some(amounts.collect())
        };
        self.spec.resources = Some(ResourceRequirements {
            requests: quantities(requests),
            limits: quantities(limits),
            claims: None,
        });
        self
    }
}

/// Changes of a preview.
pub trait PreviewFixture {
    /// Sets fields of the spec, as a manifest has them.
    ///
    /// # Panics
    /// When a field does not exist or has another type.
    #[must_use]
    fn with_fields(self, fields: Value) -> Self;
    /// Sets the image.
    #[must_use]
    fn with_image(self, image: &str) -> Self;
    /// Sets the host name.
    #[must_use]
    fn with_host(self, fqdn: &str) -> Self;
}

impl PreviewFixture for PreviewEnvironment {
    fn with_fields(mut self, fields: Value) -> Self {
        let mut spec = serde_json::to_value(&self.spec).expect("a spec is JSON");
        let requested = fields.as_object().expect("fields are an object").clone();
        spec.as_object_mut().expect("a spec is an object").extend(requested.clone());
        self.spec = serde_json::from_value(spec).expect("the fields have the types of the spec");
        let written = serde_json::to_value(&self.spec).expect("a spec is JSON");
        for (name, value) in requested {
            assert_eq!(
                written[&name], value,
                "{name} is no field of the spec, or has unknown parts"
            );
        }
        self
    }

    fn with_image(mut self, image: &str) -> Self {
        image.clone_into(&mut self.spec.image);
        self
    }

    fn with_host(mut self, fqdn: &str) -> Self {
        fqdn.clone_into(&mut self.spec.fqdn);
        self
    }
}
