//! Generates files from a [`Registry`]: CRDs, RBAC, samples, API reference, installation.
//!
//! Generation is pure: the same registry and [`Options`] give the same bytes. This crate writes no
//! file, reads no clock and connects to no cluster.
//!
//! | module | output |
//! |---|---|
//! | [`crds`](mod@crds) | `crds/<group>_<plural>.yaml` |
//! | [`rbac`](mod@rbac) | `rbac/*.yaml`: a ServiceAccount, and the roles of each controller |
//! | [`samples`](mod@samples) | `samples/*.yaml`; `samples/settings/*.yaml` for kinds without an operator |
//! | [`reference`](mod@reference) | `docs/api/*.md`: every field of every custom resource |
//! | [`install`](mod@install) | `install.yaml`: everything that a cluster needs to run the operator |
//! | [`check`](mod@check) | differences between generated files and files on disk |
//! | [`validate`](mod@validate) | problems that the API server would report for a resource |
//! | [`yaml`], [`path`] | YAML reading and writing, paths of fields |

pub mod artifact;
pub mod check;
pub mod crds;
mod description;
pub mod install;
mod number;
pub mod path;
pub mod rbac;
pub mod reference;
pub mod samples;
pub mod validate;
pub mod yaml;

use kubewright_core::Registry;

pub use artifact::{Artifact, Error, Options};
pub use check::{Finding, check};
pub use crds::crds;
pub use install::install;
pub use rbac::rbac;
pub use reference::reference;
pub use samples::samples;

/// All generated files, ordered by path.
///
/// # Errors
/// The first [`Error`].
pub fn artifacts(registry: &Registry, options: &Options) -> Result<Vec<Artifact>, Error> {
    let mut files = crds(registry, options)?;
    files.extend(rbac(registry, options)?);
    files.extend(samples(registry, options)?);
    files.extend(reference(registry, options)?);
    files.push(install(registry, options)?);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
