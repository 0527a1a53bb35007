//! The operator of `PreviewEnvironment`: a Deployment of the image, a Service, and a route from the
//! host name.
//!
//! - `operator`: the operator itself; `facts`: what `build` passes to `report`
//! - `settings`: [`PreviewOperator`], the settings of an administrator
//! - `kinds`: the kinds that it owns and reads; `samples`: examples
//! - `admission`: what a preview gets, one `Decision` for each preview
//! - `objects`: the objects, a file for each kind
//! - `lifetime`: when a preview expires
//! - `report`: status, conditions and readiness

pub(crate) mod admission;
mod facts;
mod kinds;
mod lifetime;
mod objects;
mod operator;
mod report;
pub(crate) mod samples;
mod settings;

pub use settings::PreviewOperator;
