//! A local control plane from the command line. In a project, use `cargo xtask cluster`.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use kubewright_testing::assets::{Assets, Environment};
use kubewright_testing::control_plane::{ControlPlane, Spec};
use kubewright_testing::home::Home;
use kubewright_testing::progress;

const USAGE: &str = "usage: cluster up NAME [NODES] | down NAME | stop NAME | kubeconfig NAME | \
                     export NAME FILE | status";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let environment = Environment::from_process();
    let home = Home::from_environment(&environment)?;
    match *arguments {
        ["up", name] => up(&environment, &home, &Spec::new(name)),
        ["up", name, nodes] => up(&environment, &home, &Spec::new(name).nodes(nodes.parse()?)),
        ["down", name] => Ok(ControlPlane::remove(&home, name)?),
        ["stop", name] => Ok(ControlPlane::attach(&home, name)?.stop()?),
        ["kubeconfig", name] => {
            println!("{}", ControlPlane::attach(&home, name)?.kubeconfig().display());
            Ok(())
        }
        ["export", name, file] => {
            Ok(ControlPlane::attach(&home, name)?.export_kubeconfig(Path::new(file))?)
        }
        ["status"] => status(&home),
        _ => Err(USAGE.into()),
    }
}

fn up(environment: &Environment, home: &Home, spec: &Spec) -> Result<(), Box<dyn Error>> {
    let progress = progress::detect();
    let start = Instant::now();
    let assets = Assets::locate(environment, home, &spec.wanted(), progress.as_ref())?;
    let located = start.elapsed();
    let control_plane = ControlPlane::up(home, spec, &assets, progress.as_ref())?;
    let all = start.elapsed();
    for asset in assets.iter() {
        println!("{} {} ({})", asset.path.display(), asset.version, asset.source);
    }
    print!("{}", control_plane.status());
    println!("binaries after {located:.1?}, cluster after {all:.1?}");
    println!("export KUBECONFIG={}", control_plane.kubeconfig().display());
    Ok(())
}

fn status(home: &Home) -> Result<(), Box<dyn Error>> {
    for name in ControlPlane::list(home) {
        print!("{}", ControlPlane::attach(home, &name)?.status());
    }
    Ok(())
}
