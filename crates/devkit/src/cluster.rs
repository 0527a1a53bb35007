//! `cluster` and `kubectl`: the local control plane of `kubewright-testing` from the command line.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kubewright_testing::assets::{Assets, AssetsError, Environment};
use kubewright_testing::control_plane::{self, ControlPlane, Spec};
use kubewright_testing::home::{Home, HomeError};
use kubewright_testing::progress::{self, Progress};

use crate::arguments::{ClusterCommand, KubectlArguments, UpArguments};
use crate::invocation::exit_code;
use crate::terminal;

/// The local control plane could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// Its binaries.
    #[error(transparent)]
    Assets(#[from] AssetsError),
    /// Itself.
    #[error(transparent)]
    ControlPlane(#[from] control_plane::Error),
    /// Where it is kept.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its kubeconfig.
    #[error("{} cannot be read ({source}); bring the cluster up again", .path.display())]
    Kubeconfig {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// kubectl.
    #[error("kubectl could not be run: {source}")]
    Kubectl {
        /// What the system said.
        source: io::Error,
    },
    /// No file to export to.
    #[error("neither KUBECONFIG nor HOME is set: name the file, --export-kubeconfig FILE")]
    NoKubeconfig,
}

/// `cluster ...`.
pub(crate) fn command(command: ClusterCommand) -> Result<ExitCode, ClusterError> {
    match command {
        ClusterCommand::Up(arguments) => up(&arguments)?,
        ClusterCommand::Down(cluster) => {
            ControlPlane::remove(&home()?, &cluster.name)?;
            terminal::done(format_args!("the control plane `{}` is gone", cluster.name));
        }
        ClusterCommand::Status { name } => status(name.as_deref())?,
        ClusterCommand::Kubeconfig { cluster, raw } => kubeconfig(&cluster.name, raw)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Brings up the control plane of `spec`, building what is missing, and telling a person about it.
pub(crate) fn bring_up(spec: &Spec) -> Result<ControlPlane, ClusterError> {
    bring_up_with(spec, progress::detect().as_ref())
}

fn bring_up_with(spec: &Spec, progress: &dyn Progress) -> Result<ControlPlane, ClusterError> {
    let environment = Environment::from_process();
    let home = Home::from_environment(&environment)?;
    let assets = Assets::locate(&environment, &home, &spec.wanted(), progress)?;
    Ok(ControlPlane::up(&home, spec, &assets, progress)?)
}

/// The folder that control planes live in.
pub(crate) fn home() -> Result<Home, ClusterError> {
    Ok(Home::from_environment(&Environment::from_process())?)
}

fn up(arguments: &UpArguments) -> Result<(), ClusterError> {
    let spec = Spec::new(&arguments.cluster.name).nodes(arguments.nodes).replace(arguments.replace);
    let mut control_plane = bring_up(&spec)?;
    println!("export KUBECONFIG={}", control_plane.kubeconfig().display());
    if let Some(file) = &arguments.export_kubeconfig {
        let file = file.clone().or_else(users_kubeconfig).ok_or(ClusterError::NoKubeconfig)?;
        control_plane.export_kubeconfig(&file)?;
        terminal::done(format_args!(
            "`{}` is the current context of {}",
            control_plane.context(),
            file.display()
        ));
    }
    Ok(())
}

/// Where kubectl itself would write: the first file of `KUBECONFIG`, else `~/.kube/config`.
fn users_kubeconfig() -> Option<PathBuf> {
    let named = env::var_os("KUBECONFIG")
        .and_then(|files| env::split_paths(&files).find(|file| !file.as_os_str().is_empty()));
    named.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".kube/config")))
}

fn status(name: Option<&str>) -> Result<(), ClusterError> {
    let home = home()?;
    let names = match name {
        Some(name) => vec![name.to_owned()],
        None => ControlPlane::list(&home),
    };
    if names.is_empty() {
        println!("no control plane; `cargo xtask cluster up` starts one");
    }
    for name in names {
        print!("{}", ControlPlane::attach(&home, &name)?.status());
    }
    Ok(())
}

fn kubeconfig(name: &str, raw: bool) -> Result<(), ClusterError> {
    let control_plane = ControlPlane::attach(&home()?, name)?;
    let path = control_plane.kubeconfig();
    if !raw {
        println!("{}", path.display());
        return Ok(());
    }
    let unreadable = |source| ClusterError::Kubeconfig { path: path.to_owned(), source };
    io::stdout().write_all(&fs::read(path).map_err(unreadable)?).map_err(unreadable)
}

/// `kubectl ...`: hands everything through, the exit code too.
pub(crate) fn kubectl(arguments: &KubectlArguments) -> Result<ExitCode, ClusterError> {
    let control_plane = ControlPlane::attach(&home()?, &arguments.cluster.name)?;
    let status = control_plane.kubectl().args(&arguments.arguments).status();
    let status = status.map_err(|source| ClusterError::Kubectl { source })?;
    Ok(exit_code(status))
}
