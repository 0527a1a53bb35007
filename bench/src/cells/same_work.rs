//! Compares the requests of both operators with those of the bare client, as separate processes.
//! It needs no cluster and measures nothing.

use crate::bench::Bench;
use crate::error::Error;
use crate::workload::Workload;

pub(crate) async fn run(bench: &Bench) -> Result<(), Error> {
    for workload in [Workload::Echo, Workload::Website] {
        bench.check_same_work(workload).await?;
    }
    Ok(())
}
