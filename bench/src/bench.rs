//! What all measurements share: the plan, the programs, the scripts and the results so far.

use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::bare::Feed;
use crate::bare_process::BareProcess;
use crate::error::Error;
use crate::figures::Figures;
use crate::operator::Operator;
use crate::plan::Plan;
use crate::plane::Plane;
use crate::process;
use crate::same_work;
use crate::script::Script;
use crate::wait::{Look, until};
use crate::website;
use crate::workload::Workload;

/// How long a run may take to converge.
pub(crate) const CONVERGE: Duration = Duration::from_mins(10);
/// CPU time still counts for at least so long after the last change, so that its consequences are
/// included.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// A run of the bench.
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    operator: PathBuf,
    scripts: HashMap<Workload, Scripts>,
    pub(crate) figures: Figures,
    /// Measurements that failed, and why.
    pub(crate) failures: Vec<String>,
    /// The version of Kubernetes, once a control plane has run.
    pub(crate) kubernetes: Option<String>,
}

/// The recorded requests of one operator.
struct Scripts {
    writes_per_resource: usize,
    whole: NamedTempFile,
    reads: NamedTempFile,
}

impl Bench {
    pub(crate) fn new(plan: Plan, operator: PathBuf) -> Self {
        Self {
            plan,
            operator,
            scripts: HashMap::new(),
            figures: Figures::default(),
            failures: Vec::new(),
            kubernetes: None,
        }
    }

    /// Starts the operator of a workload on a control plane.
    pub(crate) fn operate(
        &self,
        plane: &Plane,
        workload: Workload,
        more: &[&str],
    ) -> Result<Operator, Error> {
        self.operate_at(plane.kubeconfig(), workload, more)
    }

    fn operate_at(
        &self,
        kubeconfig: &Path,
        workload: Workload,
        more: &[&str],
    ) -> Result<Operator, Error> {
        Operator::start(self.program(workload)?, workload.name(), kubeconfig, more)
    }

    /// The program of an operator: the released one, or this program under another name.
    fn program(&self, workload: Workload) -> Result<Command, Error> {
        match workload {
            Workload::Echo | Workload::Preview => Ok(process::command(&self.operator)),
            Workload::Website => {
                let mut command = process::command(&process::own_program()?);
                command.arg0(website::PROGRAM);
                Ok(command)
            }
        }
    }

    /// Checks that the operator and the bare client send the same, both as processes of their own.
    /// Returns the script that was compared.
    pub(crate) async fn check_same_work(&self, workload: Workload) -> Result<Script, Error> {
        let operator = async |kubeconfig: &Path| self.operate_at(kubeconfig, workload, &[]);
        let bare = async |kubeconfig: &Path, script: &Script| {
            let file = temporary()?;
            script.save(file.path())?;
            BareProcess::start(kubeconfig, file.path(), Feed::Watch).await
        };
        let script = same_work::compare(workload, operator, bare).await?;
        progress(format!(
            "Same work: operator and bare client send the same {} writes for each {workload}",
            script.writes_per_resource()
        ));
        Ok(script)
    }

    /// Checks that the operator and the bare client send the same, and records what the operator
    /// sends for the resources of the largest comparison.
    pub(crate) async fn record(&mut self, workload: Workload) -> Result<(), Error> {
        let compared = self.check_same_work(workload).await?;
        let count = self.plan.most_compared();
        let start = async |kubeconfig: &Path| self.operate_at(kubeconfig, workload, &[]);
        let script = same_work::record(workload, count, &compared, start).await?;
        let (whole, reads) = (temporary()?, temporary()?);
        script.save(whole.path())?;
        script.reads().save(reads.path())?;
        let writes_per_resource = script.writes_per_resource();
        self.scripts.insert(workload, Scripts { writes_per_resource, whole, reads });
        Ok(())
    }

    /// Starts the bare client in place of the operator of a workload.
    pub(crate) async fn start_bare(
        &self,
        plane: &Plane,
        workload: Workload,
        feed: Feed,
    ) -> Result<BareProcess, Error> {
        let script = self.script(workload)?.whole.path();
        BareProcess::start(plane.kubeconfig(), script, feed).await
    }

    /// A file with the operator's lists and watches.
    pub(crate) fn reads(&self, workload: Workload) -> Result<&Path, Error> {
        self.script(workload).map(|scripts| scripts.reads.path())
    }

    pub(crate) fn writes_per_resource(&self, workload: Workload) -> Result<usize, Error> {
        self.script(workload).map(|scripts| scripts.writes_per_resource)
    }

    fn script(&self, workload: Workload) -> Result<&Scripts, Error> {
        let missing = || Error::Workload(format!("the {workload} operator was not recorded"));
        self.scripts.get(&workload).ok_or_else(missing)
    }
}

fn temporary() -> Result<NamedTempFile, Error> {
    let path = std::env::temp_dir();
    NamedTempFile::new().map_err(|source| Error::File { path, source })
}

/// Waits until the control plane and the client are at rest, so that CPU time includes the
/// consequences of a load: events of watches, and second reconciles. `in_work` reads how many
/// resources the client still has to reconcile.
pub(crate) async fn afterwards(
    plane: &Plane,
    client: u32,
    mut in_work: impl AsyncFnMut() -> Result<f64, Error>,
) -> Result<(), Error> {
    tokio::time::sleep(AFTERWARDS).await;
    until("the client has reconciled everything", CONVERGE, Duration::ZERO, async || {
        plane.rest_with(client).await?;
        let in_work = in_work().await?;
        let seen = || Look::Seen(format!("{in_work} resources in work"));
        Ok(if in_work == 0.0 { Look::Found(()) } else { seen() })
    })
    .await
}

/// Prints a line about the progress to standard error.
pub(crate) fn progress(what: impl std::fmt::Display) {
    eprintln!("{what}");
}
