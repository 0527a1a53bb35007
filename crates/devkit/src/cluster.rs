//! `cluster` and `kubectl`: the local control plane of `kubewright-testing`.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kubewright_testing::assets::{Assets, AssetsError, Binary, Environment, KUBERNETES, Wanted};
use kubewright_testing::control_plane::{self, ControlPlane, Spec};
use kubewright_testing::home::{Home, HomeError};
use kubewright_testing::progress::{self, Progress};

use crate::arguments::{ClusterCommand, KubectlArguments, UpArguments};
use crate::invocation::{Invocation, exit_code};
use crate::terminal;

/// A local control plane cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    #[error(transparent)]
    Assets(#[from] AssetsError),
    #[error(transparent)]
    ControlPlane(#[from] control_plane::Error),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error("cannot read {}: {source}; run `cargo xtask cluster up` again", .path.display())]
    Kubeconfig { path: PathBuf, source: io::Error },
    #[error("cannot run kubectl: {source}")]
    Kubectl { source: io::Error },
    #[error("neither KUBECONFIG nor HOME is set: use --export-kubeconfig FILE")]
    NoKubeconfig,
}

/// Runs `cluster ...`.
pub(crate) fn command(command: ClusterCommand) -> Result<ExitCode, ClusterError> {
    match command {
        ClusterCommand::Up(arguments) => up(&arguments)?,
        ClusterCommand::Down(cluster) => {
            ControlPlane::remove(&home()?, &cluster.name)?;
            terminal::done(format_args!("control plane `{}` removed", cluster.name));
        }
        ClusterCommand::Status { name } => status(name.as_deref())?,
        ClusterCommand::Kubeconfig { cluster, raw } => kubeconfig(&cluster.name, raw)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the control plane of `spec` and shows the progress.
pub(crate) fn bring_up(spec: &Spec) -> Result<ControlPlane, ClusterError> {
    let (home, progress) = (home()?, progress::detect());
    let assets = locate(&home, &spec.wanted(), &*progress)?;
    Ok(ControlPlane::up(&home, spec, &assets, &*progress)?)
}

/// Provides kubectl for machines without a suitable one: downloaded or built if it is missing.
pub(crate) fn provide_kubectl() -> Result<String, ClusterError> {
    let wanted = Wanted { kubernetes: KUBERNETES, binaries: vec![Binary::Kubectl] };
    let assets = locate(&home()?, &wanted, &*progress::detect())?;
    let path = assets.path(Binary::Kubectl).unwrap_or(Path::new("kubectl"));
    Ok(path.to_string_lossy().into_owned())
}

fn locate(home: &Home, wanted: &Wanted, progress: &dyn Progress) -> Result<Assets, ClusterError> {
    Ok(Assets::locate(&Environment::from_process(), home, wanted, progress)?)
}

/// The state folder of all control planes.
pub(crate) fn home() -> Result<Home, ClusterError> {
    Ok(Home::from_environment(&Environment::from_process())?)
}

/// kubectl on a control plane, without settings of the user.
pub(crate) fn kubectl_on(control_plane: &ControlPlane) -> Invocation {
    Invocation::from(&control_plane.kubectl())
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

/// The file that kubectl itself would write: the first of `KUBECONFIG`, else `~/.kube/config`.
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

/// Runs kubectl with all arguments, and returns its exit code.
pub(crate) fn kubectl(arguments: &KubectlArguments) -> Result<ExitCode, ClusterError> {
    let control_plane = ControlPlane::attach(&home()?, &arguments.cluster.name)?;
    let status = control_plane.kubectl().args(&arguments.arguments).status();
    let status = status.map_err(|source| ClusterError::Kubectl { source })?;
    Ok(exit_code(status))
}
