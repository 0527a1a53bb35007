//! Everything that is generated from a [`Registry`]: declarations in, files out.
//!
//! Nothing here writes a file, reads a clock or talks to a cluster: the same registry and
//! [`Options`] give the same bytes.
//!
//! | module | what it makes |
//! |---|---|
//! | [`crds`](mod@crds) | `crds/<group>_<plural>.yaml` |
//! | [`rbac`](mod@rbac) | `rbac/*.yaml`: a ServiceAccount, and for each controller the rights that its declaration needs |
//! | [`samples`](mod@samples) | `samples/*.yaml`, and `samples/settings/*.yaml` for kinds that no operator reconciles |
//! | [`reference`](mod@reference) | `docs/api/*.md`: every field of every custom resource |
//! | [`install`](mod@install) | `install.yaml`: all that a cluster needs to run the operator |
//! | [`check`](mod@check) | what differs between these files and those on disk |
//! | [`validate`](mod@validate) | what the API server would say about a resource, without one |
//! | [`yaml`], [`path`] | reading and writing, and where things are |

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

/// All files, ordered by path.
///
/// # Errors
/// The first [`Error`].
pub fn all(registry: &Registry, options: &Options) -> Result<Vec<Artifact>, Error> {
    let mut all = crds(registry, options)?;
    all.extend(rbac(registry, options)?);
    all.extend(samples(registry, options)?);
    all.extend(reference(registry, options)?);
    all.push(install(registry, options)?);
    all.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}
