//! The custom resources of the operators as Rust types, for the operators and other clients.
//!
//! Each type is the source of its CRD: fields, bounds, defaults, CEL rules, printer columns and the
//! descriptions that `kubectl explain` shows. This crate does not connect to a cluster.
//!
//! | type | API | contents |
//! |---|---|---|
//! | [`echo::Echo`] | `example.com/v1` | an echo server, reached through a Service |
//! | [`echo_test::Echo`] | `test.com/v1` | an echo server that answers one fixed text |
//! | [`preview::PreviewEnvironment`] | `platform9.com/v1` | an image under its own host name |
//! | [`preview::PreviewPolicy`] | `platform9.com/v1` | limits and defaults for the previews of some namespaces |
//! | [`gateway::HTTPRoute`] | `gateway.networking.k8s.io/v1` | a route of the Gateway API |
//! | [`ambassador::Mapping`] | `getambassador.io/v3alpha1` | a route of Ambassador |
//!
//! The CRDs of the last two come from other projects. [`duration`] parses durations;
//! [`pod::PodHealth`] is the part of a Pod that describes its failures, and
//! [`rollout::RolloutHealth`] the part of a Deployment that decides how pods are replaced.
//!
//! Fields with a default are `Option`s: `None` leaves the field to the API server, or to another
//! field manager such as an autoscaler; `Some` claims it. Methods such as
//! [`echo::EchoSpec::replicas`] return the effective value.
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

// The schema's derive copies each struct into the body of a function, where `pub` has no effect.
#![allow(unreachable_pub)]

pub mod ambassador;
mod conditions;
pub mod duration;
pub mod echo;
pub mod echo_test;
pub mod gateway;
pub mod pod;
pub mod preview;
pub mod rollout;
mod schema;
