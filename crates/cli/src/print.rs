//! `crds`, `rbac`, `samples`, `install`: print generated documents for `kubectl apply -f -`.

use kubewright_core::Registry;
use kubewright_manifests::{Artifact, Options};

use crate::args::{InstallArgs, RbacArgs, Scope};
use crate::error::Error;
use crate::streams::Streams;

fn options(registry: &Registry, subcommand: &str) -> Options {
    Options { command: format!("{} {subcommand}", registry.name()), ..Options::default() }
}

fn limit(options: Options, scope: Scope) -> Options {
    Options { namespaces: scope.namespace, secrets_everywhere: scope.allow_secrets, ..options }
}

fn print(files: &[Artifact], streams: &mut Streams<'_>) -> Result<(), Error> {
    let texts: Vec<&str> = files.iter().map(|file| file.content.as_str()).collect();
    streams.print(&texts.join("---\n"))
}

pub(crate) fn crds(registry: &Registry, streams: &mut Streams<'_>) -> Result<(), Error> {
    print(&kubewright_manifests::crds(registry, &options(registry, "crds"))?, streams)
}

pub(crate) fn samples(registry: &Registry, streams: &mut Streams<'_>) -> Result<(), Error> {
    print(&kubewright_manifests::samples(registry, &options(registry, "samples"))?, streams)
}

pub(crate) fn rbac(
    registry: &Registry,
    args: RbacArgs,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let mut options = limit(options(registry, "rbac"), args.scope);
    if let Some((namespace, name)) = args.service_account {
        options.system_namespace = Some(namespace);
        options.service_account = Some(name);
    }
    print(&kubewright_manifests::rbac(registry, &options)?, streams)
}

pub(crate) fn install(
    registry: &Registry,
    args: InstallArgs,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let options = Options { image: args.image, ..limit(options(registry, "install"), args.scope) };
    print(&[kubewright_manifests::install(registry, &options)?], streams)
}
