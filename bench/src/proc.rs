//! CPU time and memory of a process, from `/proc`.
//!
//! `task/*/schedstat` has the CPU time of each running thread in nanoseconds; `stat` has the sum
//! over all threads, ended ones too, in ticks of 10 ms. If the two differ by more than rounding, a
//! thread has ended, and the ticks count.

use std::fs;
use std::time::Duration;

use crate::error::Error;

/// Nanoseconds of a tick: `USER_HZ` is 100 on every Linux.
const TICK: u64 = 10_000_000;
/// The same in milliseconds.
pub(crate) const TICK_MS: f64 = 10.0;
/// The largest difference that comes from rounding user and system time at both ends, and from
/// scheduling between two reads.
const ROUNDING: u64 = 4 * TICK;

/// CPU time of a process so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cpu {
    threads: u64,
    ticks: u64,
}

impl Cpu {
    /// Reads the CPU time of a process.
    pub(crate) fn read(pid: u32) -> Result<Self, Error> {
        let stat = read_file(pid, "stat")?;
        let ticks = ticks(&stat).ok_or_else(|| unreadable(pid, "stat"))?.0 * TICK;
        let folder = format!("/proc/{pid}/task");
        let tasks =
            fs::read_dir(&folder).map_err(|source| Error::File { path: folder.into(), source })?;
        let mut threads = 0;
        for task in tasks.flatten() {
            // A thread may end between listing and reading.
            if let Ok(text) = fs::read_to_string(task.path().join("schedstat")) {
                threads += text
                    .split(' ')
                    .next()
                    .and_then(|ns| ns.parse::<u64>().ok())
                    .ok_or_else(|| unreadable(pid, "schedstat"))?;
            }
        }
        Ok(Self { threads, ticks })
    }

    /// Reads the CPU time of several processes.
    pub(crate) fn read_all(pids: &[u32]) -> Result<Vec<Self>, Error> {
        pids.iter().map(|pid| Self::read(*pid)).collect()
    }

    /// The CPU time since `before`, in milliseconds.
    pub(crate) fn since(self, before: Self) -> f64 {
        let (threads, ticks) =
            (self.threads.saturating_sub(before.threads), self.ticks.saturating_sub(before.ticks));
        let used = if ticks > threads + ROUNDING { ticks } else { threads };
        Duration::from_nanos(used).as_secs_f64() * 1000.0
    }
}

/// The CPU time of these processes since `before`, in milliseconds.
pub(crate) fn millis_since(pids: &[u32], before: &[Cpu]) -> Result<f64, Error> {
    let now = Cpu::read_all(pids)?;
    Ok(now.into_iter().zip(before).map(|(now, before)| now.since(*before)).sum())
}

/// The CPU time of the processes that the bench started and that have ended, in milliseconds.
pub(crate) fn ended_children_ms() -> Result<f64, Error> {
    let me = std::process::id();
    let (_, ended) = ticks(&read_file(me, "stat")?).ok_or_else(|| unreadable(me, "stat"))?;
    Ok(Duration::from_nanos(ended * TICK).as_secs_f64() * 1000.0)
}

/// Resident memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) now: f64,
    /// The maximum since the process started.
    pub(crate) peak: f64,
}

impl Memory {
    /// Reads the memory of a process.
    pub(crate) fn read(pid: u32) -> Result<Self, Error> {
        let status = read_file(pid, "status")?;
        let field = |name| kibibytes(&status, name).ok_or_else(|| unreadable(pid, "status"));
        Ok(Self { now: field("VmRSS:")?, peak: field("VmHWM:")? })
    }
}

fn read_file(pid: u32, file: &str) -> Result<String, Error> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).map_err(|source| Error::File { path: path.into(), source })
}

fn unreadable(pid: u32, file: &str) -> Error {
    Error::Unmeasurable(format!("/proc/{pid}/{file} does not have the format of Linux"))
}

/// The ticks of the process, and those of its children that have ended: utime + stime, and cutime +
/// cstime, the 12th to 15th field after the name. The name is in parentheses and may contain any
/// character.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let fields = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(4);
    let times: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
    let [user, system, ended_user, ended_system] = times[..] else { return None };
    Some((user + system, ended_user + ended_system))
}

/// `Name:   123 kB`, in bytes.
fn kibibytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kib| kib * 1024.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_after_a_name_with_parentheses() {
        let stat = "12 (a ) b) S 1 12 12 0 -1 4194560 6376 57523 0 31 2 5 51 14 20 0 1 0 61574";
        assert_eq!(ticks(stat), Some((7, 65)));
        assert_eq!(ticks("12 (a) S 1"), None);
    }

    #[test]
    fn memory_is_converted_to_bytes() {
        assert_eq!(
            kibibytes("VmHWM:\t    20 kB\nVmRSS:\t   12 kB\n", "VmRSS:"),
            Some(12.0 * 1024.0)
        );
        assert_eq!(kibibytes("VmHWM:\t 20 kB\n", "VmRSS:"), None);
    }

    #[test]
    fn ticks_count_once_a_thread_has_ended() {
        let before = Cpu { threads: 500_000, ticks: 0 };
        assert_eq!(Cpu { threads: 2_500_000, ticks: TICK }.since(before), 2.0);
        assert_eq!(Cpu { threads: 100, ticks: 30 * TICK }.since(before), 300.0);
    }

    #[test]
    fn this_process_has_cpu_time_and_memory() {
        let me = std::process::id();
        let memory = Memory::read(me).unwrap();
        assert!(memory.now > 0.0 && memory.peak >= memory.now, "{memory:?}");
        let before = Cpu::read(me).unwrap();
        let started = std::time::Instant::now();
        while Cpu::read(me).unwrap().since(before) < 1.0 {
            assert!(started.elapsed() < Duration::from_mins(1), "no CPU time was counted");
        }
    }
}
