//! The custom resources of the operators as Rust types, for the operators and for any other client.
//!
//! A type here is the one source of its CRD: fields, bounds, defaults, CEL rules, printer columns
//! and the descriptions that `kubectl explain` shows. What the operators make of a resource does
//! not live here, and neither does anything that talks to a cluster.
//!
//! | type | API | what it asks for |
//! |---|---|---|
//! | [`echo::Echo`] | `example.com/v1` | an echo server, reached through a Service |
//! | [`echo_test::Echo`] | `test.com/v1` | an echo server that answers one fixed text |
//! | [`preview::PreviewEnvironment`] | `platform9.com/v1` | an image, running under a host name of its own |
//! | [`preview::PreviewPolicy`] | `platform9.com/v1` | what the previews of some namespaces may do |
//! | [`gateway::HTTPRoute`] | `gateway.networking.k8s.io/v1` | a route of the Gateway API; somebody else's, too |
//! | [`ambassador::Mapping`] | `getambassador.io/v3alpha1` | a route of Ambassador; somebody else's API, for which there is no CRD here |
//!
//! [`duration`] reads the durations that resources write; [`pod::PodHealth`] is what a Pod says of
//! its health.
//!
//! Fields with a default are `Option`s: `None` leaves the field to the API server, or to whoever
//! owns it (an autoscaler for `replicas`), while `Some` claims it. Methods such as
//! [`echo::EchoSpec::replicas`] give the value that counts.
//!
//! ```
//! use kube::CustomResourceExt;
//! use operator_api::echo::{Echo, EchoSpec};
//!
//! let echo =
//!     Echo::new("hello", EchoSpec { text: Some("Hello world".into()), ..EchoSpec::default() });
//! assert_eq!(echo.spec.replicas(), 1);
//! assert_eq!(Echo::crd_name(), "echoes.example.com");
//! ```

// The schema's derive copies each struct into the body of a function, where its `pub` reaches
// nobody.
#![allow(unreachable_pub)]

pub mod ambassador;
mod conditions;
pub mod duration;
pub mod echo;
pub mod echo_test;
pub mod gateway;
pub mod pod;
pub mod preview;
mod schema;
