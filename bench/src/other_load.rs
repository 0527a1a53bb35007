//! The load of other programs, from `/proc/stat`: what all cores did, without the processes of a
//! run.
//!
//! Time that the host of a virtual machine took counts as other load. Interrupts do not count: most
//! of them are the traffic of the run itself.

use std::fs;

use crate::error::Error;
use crate::proc::{Cpu, TICK_MS, ended_children_ms, millis_since};

const STAT: &str = "/proc/stat";

/// A run that has begun.
pub(crate) struct OtherLoad {
    processes: Vec<u32>,
    cpu: Vec<Cpu>,
    ended_ms: f64,
    machine: Machine,
}

/// Time of all cores so far, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Machine {
    busy: f64,
    all: f64,
}

impl OtherLoad {
    /// Begins a run of the bench and of these processes, which must not end before the run. Other
    /// processes that the bench starts must end within the run.
    pub(crate) fn begin(processes: &[u32]) -> Result<Self, Error> {
        let mut processes = processes.to_vec();
        processes.push(std::process::id());
        Ok(Self {
            cpu: Cpu::read_all(&processes)?,
            processes,
            ended_ms: ended_children_ms()?,
            machine: Machine::read()?,
        })
    }

    /// The share of the cores that other programs used since the run has begun.
    pub(crate) fn share(&self) -> Result<f64, Error> {
        let own = millis_since(&self.processes, &self.cpu)? + ended_children_ms()? - self.ended_ms;
        Ok(Machine::read()?.share_of_others(self.machine, own))
    }
}

impl Machine {
    fn read() -> Result<Self, Error> {
        let text =
            fs::read_to_string(STAT).map_err(|source| Error::File { path: STAT.into(), source })?;
        let unreadable =
            || Error::Unmeasurable(format!("{STAT} does not have the format of Linux"));
        Self::parse(&text).ok_or_else(unreadable)
    }

    /// `cpu  USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL ...`, in ticks.
    fn parse(text: &str) -> Option<Self> {
        let fields = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let times: Vec<f64> =
            fields.split_whitespace().take(8).map_while(|ticks| ticks.parse().ok()).collect();
        let [user, nice, system, _, _, _, _, steal] = times[..] else { return None };
        let all = times.iter().fold(0.0, |sum, time| sum + time);
        Some(Self { busy: (user + nice + system + steal) * TICK_MS, all: all * TICK_MS })
    }

    fn share_of_others(self, before: Self, own_ms: f64) -> f64 {
        let others = self.busy - before.busy - own_ms;
        (others / (self.all - before.all).max(TICK_MS)).max(0.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn what_the_run_did_not_use_is_the_load_of_others() {
        let before = Machine::parse("cpu  100 0 100 800 0 5 5 10 0 0\ncpu0 1 2\n").unwrap();
        let after = Machine::parse("cpu  200 50 140 1000 0 5 5 20 9 0\ncpu0 1 2\n").unwrap();
        // 4 seconds of all cores, 2 of them busy.
        assert_eq!(after.share_of_others(before, 1600.0), 0.1);
        assert_eq!(after.share_of_others(before, 2100.0), 0.0, "ticks are rounded");
        assert_eq!(Machine::parse("cpu  100 0 100\n"), None);
    }

    #[test]
    fn this_machine_has_a_load() {
        let share = OtherLoad::begin(&[]).unwrap().share().unwrap();
        assert!(share.is_finite() && share >= 0.0, "{share}");
    }
}
