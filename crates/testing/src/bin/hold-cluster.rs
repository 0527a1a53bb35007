//! Starts a control plane for a test, prints [`IS_UP`], and waits until standard input ends. The
//! control plane outlives this process.

use std::error::Error;
use std::io::Read;

use kubewright_testing::assets::{Assets, Environment};
use kubewright_testing::control_plane::{ControlPlane, Spec};
use kubewright_testing::home::Home;
use kubewright_testing::progress::Silent;

/// The line that the test waits for.
const IS_UP: &str = "the cluster is up";

fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).ok_or("usage: hold-cluster NAME")?;
    let environment = Environment::from_process();
    let home = Home::from_environment(&environment)?;
    let spec = Spec::new(name);
    let assets = Assets::locate(&environment, &home, &spec.wanted(), &Silent)?;
    ControlPlane::up(&home, &spec, &assets, &Silent)?;
    println!("{IS_UP}");
    // The test ends this process, or its standard input.
    let _ = std::io::stdin().read(&mut [0]);
    Ok(())
}
