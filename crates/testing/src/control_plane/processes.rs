//! Finds and ends the processes of a cluster. A process is identified by its name and by the
//! cluster's folder in its arguments. A pid alone is not enough: after a reboot it belongs to
//! another process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::component::Component;
use super::error::Error;
use crate::command;
use crate::home::Home;

/// A running process of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// `None` for kwokctl, which runs while a cluster starts.
    pub(super) component: Option<Component>,
}

/// The maximum time until a killed process is gone.
const KILL_LIMIT: Duration = Duration::from_secs(15);
/// The time between SIGTERM and SIGKILL.
const TERM_LIMIT: Duration = Duration::from_secs(5);

/// All processes of the cluster `name`.
pub(super) fn find(home: &Home, name: &str) -> Vec<Process> {
    let folders =
        [home.kwok_cluster(name), home.cluster(name)].map(|path| format!("{}/", path.display()));
    all().into_iter().filter_map(|(pid, arguments)| identify(&folders, pid, &arguments)).collect()
}

fn identify(folders: &[String], pid: u32, arguments: &[String]) -> Option<Process> {
    let (program, rest) = arguments.split_first()?;
    let program = Path::new(program).file_name()?.to_str()?;
    let component = Component::ALL.into_iter().find(|component| component.name() == program);
    if component.is_none() && program != "kwokctl" {
        return None;
    }
    let ours = |argument: &String| folders.iter().any(|folder| argument.contains(folder.as_str()));
    rest.iter().any(ours).then_some(Process { pid, component })
}

/// The ids and arguments of all visible processes.
fn all() -> Vec<(u32, Vec<String>)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let from_proc: Vec<(u32, Vec<String>)> = entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let arguments = line
                .split(|byte| *byte == 0)
                .map(|word| String::from_utf8_lossy(word).into_owned());
            Some((pid, arguments.collect()))
        })
        .collect();
    if from_proc.is_empty() { from_ps() } else { from_proc }
}

/// For systems without `/proc`, such as macOS.
fn from_ps() -> Vec<(u32, Vec<String>)> {
    let mut ps = Command::new("ps");
    let output =
        command::output(ps.args(["-axww", "-o", "pid=,command="]), Duration::from_secs(10));
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    text.lines().filter_map(ps_line).collect()
}

/// A line of `ps`. A path can contain spaces, so all arguments are one string.
fn ps_line(line: &str) -> Option<(u32, Vec<String>)> {
    let (pid, command) = line.trim_start().split_once(' ')?;
    let command = command.trim_start();
    let parts = command.split_once(" -").or_else(|| command.split_once(' '));
    let (program, rest) = parts.unwrap_or((command, ""));
    Some((pid.parse().ok()?, vec![program.trim().to_owned(), rest.to_owned()]))
}

/// Kills all processes of the cluster.
pub(super) fn kill(home: &Home, name: &str) -> Result<(), Error> {
    end(home, name, Signal::KILL, KILL_LIMIT)
}

/// Sends SIGTERM to all processes of the cluster in reverse order of their start, and kills those
/// that do not end.
pub(super) fn terminate(home: &Home, name: &str) -> Result<(), Error> {
    let mut components = Component::ALL;
    components.reverse();
    for component in components {
        let of_component = |process: &Process| process.component == Some(component);
        for process in find(home, name).into_iter().filter(of_component) {
            send(process.pid, Signal::TERM);
            let deadline = Instant::now() + TERM_LIMIT;
            while Instant::now() < deadline && find(home, name).contains(&process) {
                thread::sleep(command::POLL);
            }
        }
    }
    kill(home, name)
}

fn end(home: &Home, name: &str, signal: Signal, limit: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + limit;
    loop {
        let left = find(home, name);
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let pids = left.into_iter().map(|process| process.pid).collect();
            return Err(Error::StillRunning { name: name.to_owned(), pids });
        }
        // In every round, because kwokctl may have started another process.
        for process in left {
            send(process.pid, signal);
        }
        thread::sleep(command::POLL);
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // The process may be gone; the caller checks.
        let _ = kill_process(pid, signal);
    }
}

/// Corrects kwokctl's pid files. kwokctl trusts them, and would take any process with that pid for
/// the component.
pub(super) fn correct_pid_files(home: &Home, name: &str) {
    let running = find(home, name);
    for component in Component::ALL {
        let file = pid_file(home, name, component);
        match running.iter().find(|process| process.component == Some(component)) {
            // After an error here kwokctl starts a second process, which finds its port in use and
            // exits.
            Some(process) => drop(fs::write(file, process.pid.to_string())),
            None => drop(fs::remove_file(file)),
        }
    }
}

/// The file in which kwokctl records the pid of a component.
pub(super) fn pid_file(home: &Home, name: &str, component: Component) -> PathBuf {
    home.kwok_cluster(name).join("pids").join(format!("{component}.pid"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn arguments(line: &[&str]) -> Vec<String> {
        line.iter().map(|word| (*word).to_owned()).collect()
    }

    fn identify_in_a(line: &[&str]) -> Option<Process> {
        let folders = ["/h/kwok/clusters/a/".to_owned(), "/h/clusters/a/".to_owned()];
        identify(&folders, 7, &arguments(line))
    }

    #[test]
    fn a_component_is_identified_by_its_name_and_the_folder_in_its_arguments() {
        let etcd = ["/h/kwok/clusters/a/bin/etcd", "--data-dir=/h/kwok/clusters/a/etcd"];
        assert_eq!(
            identify_in_a(&etcd),
            Some(Process { pid: 7, component: Some(Component::Etcd) })
        );
        let kwokctl =
            ["/bin/kwokctl", "create", "cluster", "--config", "/h/clusters/a/kwokctl.json"];
        assert_eq!(identify_in_a(&kwokctl), Some(Process { pid: 7, component: None }));
    }

    #[test]
    fn processes_of_other_clusters_and_other_programs_are_ignored() {
        let other = ["/h/kwok/clusters/ab/bin/etcd", "--data-dir=/h/kwok/clusters/ab/etcd"];
        assert_eq!(identify_in_a(&other), None);
        assert_eq!(
            identify_in_a(&["kubectl", "--kubeconfig=/h/clusters/a/kubeconfig", "get", "pods"]),
            None
        );
        assert_eq!(identify_in_a(&["vim", "/h/kwok/clusters/a/logs/etcd.log"]), None);
        assert_eq!(identify_in_a(&["/usr/bin/etcd", "--data-dir=/var/lib/etcd"]), None);
        assert_eq!(identify_in_a(&[]), None);
    }

    #[test]
    fn a_line_of_ps_may_contain_spaces_in_the_path() {
        let line = "  812 /Users/me/My Cache/kwok/clusters/a/bin/etcd --name=node0 \
                    --data-dir=/Users/me/My Cache/x";
        let (pid, arguments) = ps_line(line).unwrap();
        assert_eq!(pid, 812);
        assert!(arguments[0].ends_with("bin/etcd"), "{arguments:?}");
        assert!(arguments[1].contains("/Users/me/My Cache/x"), "{arguments:?}");
    }

    #[test]
    fn this_process_is_among_all_processes() {
        assert!(all().iter().any(|(pid, _)| *pid == std::process::id()));
        if Command::new("ps").output().is_ok() {
            assert!(from_ps().iter().any(|(pid, _)| *pid == std::process::id()));
        }
    }
}
