//! Finds the binaries of the local control plane; `control_plane` starts them.
//!
//! [`Assets::locate`] uses the first of these places that has a binary in a suitable version:
//!
//! 1. the folder `KUBEWRIGHT_ASSETS`; when it is set, all binaries come from it
//! 2. the folder `KUBEBUILDER_ASSETS`
//! 3. the cache, [`Home::binaries`](crate::home::Home::binaries)
//! 4. `PATH` (1 to 4: `resolve`)
//! 5. a download of a release, unless `KUBEWRIGHT_DOWNLOAD` is `never` (`download`)
//! 6. a build from Go modules that are pinned by checksum (`build`)
//!
//! Downloads and builds are written to the cache.

mod binary;
mod build;
mod download;
mod environment;
mod error;
mod go;
mod locate;
mod located;
mod probe;
mod resolve;
mod version;
mod wanted;

pub use binary::{Binary, ETCD, KUBERNETES, KWOK, Project};
pub use environment::Environment;
pub use error::AssetsError;
pub use locate::Assets;
pub use located::{Located, Source};
pub use version::{InvalidVersion, Version};
pub use wanted::Wanted;

#[cfg(test)]
mod tests;
