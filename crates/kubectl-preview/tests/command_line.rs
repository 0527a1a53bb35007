//! The binary without a cluster: help, usage errors, and clusters that cannot be reached. Its work
//! on a cluster is tested in `tests/tests/cluster_preview_cli.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Outcome {
    code: i32,
    out: String,
    err: String,
}

impl Outcome {
    /// Checks the exit code; standard output is empty unless the code is 0.
    #[track_caller]
    fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(code == 0 || self.out.is_empty(), "{}", self.out);
        self
    }

    #[track_caller]
    fn reports(&self, message: &str) {
        let text = one_line(&self.err);
        assert!(text.contains(message), "{message:?} is not in {text}");
    }
}

/// The program without the environment of this process.
fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-preview"));
    command.args(args).env_clear().env("HOME", "/no/home");
    command
}

fn outcome(mut command: Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(args: &[&str]) -> Outcome {
    outcome(program(args))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A kubeconfig with one context, `here`.
fn kubeconfig(folder: &Path, server: &str) -> PathBuf {
    let path = folder.join("kubeconfig");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: here, \
         contexts: [{{name: here, context: {{cluster: here, user: me}}}}], \
         clusters: [{{name: here, cluster: {{server: '{server}'}}}}], \
         users: [{{name: me, user: {{token: x}}}}]}}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// The documentation of the command line.
fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/previews/command-line.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_help_lists_the_subcommands_and_the_exit_codes() {
    let help = one_line(&run(&["--help"]).exits_with(0).out);
    for part in [
        "List previews, wait for them, open, stop, start and extend them",
        "Usage: kubectl preview [OPTIONS] <COMMAND>",
        "list List previews",
        "status Show one preview",
        "wait Wait until a preview is ready, and print its URL",
        "open Open a preview in the browser",
        "extend Make a preview expire later",
        "pin Keep a preview until it is unpinned",
        "sleep Stop the pods of a preview",
        "wake Start the pods of a preview again",
        "0 success",
        "1 not done: timeout, needs an edit, no URL, nothing to extend",
        "--context <NAME>",
    ] {
        assert!(help.contains(part), "{part:?} is not in {help}");
    }
}

#[test]
fn the_help_of_a_subcommand_has_its_usage_examples_and_exit_codes() {
    let help = run(&["wait", "--help"]).exits_with(0).out;
    for part in [
        "Usage: kubectl preview wait [OPTIONS] <NAME>",
        "kubectl preview wait pr-17 --timeout 10m",
        "Exit codes:\n  0  success\n",
    ] {
        assert!(help.contains(part), "{part:?} is not in {help}");
    }
    let version = run(&["--version"]).exits_with(0).out;
    assert_eq!(version, concat!("kubectl-preview ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn invalid_arguments_exit_with_2_and_show_what_is_valid() {
    for (args, message) in [
        (&[][..], "Usage: kubectl preview"),
        (&["statu"], "a similar subcommand exists: 'status'"),
        (&["status"], "<NAME>"),
        (&["status", "Web"], "the name of a preview consists of a-z, 0-9, - and dots"),
        (&["list", "-o", "xml"], "possible values: wide, json, yaml, name"),
        (&["list", "-A", "-n", "team-a"], "cannot be used with"),
        (&["list", "-n", "Team"], "the name of a namespace consists of"),
        (&["wait", "web", "--timeout", "90"], "90 has no unit"),
        (&["wait", "web", "--timeout", "0s"], "zero"),
        (&["extend", "web"], "<--by <DURATION>|--until <TIME>>"),
        (&["extend", "--by", "1h"], "<NAME>..."),
        (&["extend", "web", "--by", "1d"], "24h"),
        (&["extend", "web", "--by", "1h", "--until", "2030-01-31T12:00Z"], "cannot be used with"),
        (&["extend", "web", "--until", "2030-01-31"], "with its offset from UTC"),
        (&["extend", "web", "--until", "24h"], "this is a duration, not a time; write --by 24h"),
    ] {
        run(args).exits_with(2).reports(message);
    }
}

#[test]
fn a_kubeconfig_that_does_not_exist_is_named_with_its_origin() {
    for args in
        [["--kubeconfig", "/no/kubeconfig", "list"], ["list", "--kubeconfig", "/no/kubeconfig"]]
    {
        let message = "error: no cluster: /no/kubeconfig (from --kubeconfig) does not exist. \
                       Pass --kubeconfig FILE, or set $KUBECONFIG to a file that exists.\n";
        assert_eq!(run(&args).exits_with(4).err, message);
    }
    let from_environment = |args: &[&str]| {
        let mut program = program(args);
        program.env("KUBECONFIG", "/no/kubeconfig:/no/other");
        outcome(program).exits_with(4)
    };
    from_environment(&["list"]).reports(
        "error: no cluster: /no/kubeconfig and /no/other (from $KUBECONFIG) do not exist, and this \
         is not a Pod. Pass --kubeconfig FILE, or set $KUBECONFIG to a file that exists.",
    );
    from_environment(&["list", "--context", "here"])
        .reports("/no/kubeconfig and /no/other (from $KUBECONFIG) do not exist. Pass --kubeconfig");
    run(&["list"])
        .exits_with(4)
        .reports("no cluster: /no/home/.kube/config does not exist, and this is not a Pod. Pass");
}

#[test]
fn a_kubeconfig_that_cannot_be_used_is_named_with_what_to_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = kubeconfig(folder.path(), "http://127.0.0.1:1");
    let path = path.to_str().unwrap();
    let list = ["list", "--kubeconfig", path];
    let message = |problem: &str| {
        format!(
            "no cluster: {path} (from --kubeconfig) cannot be used: {problem}. Check \
             --kubeconfig, --context and $KUBECONFIG."
        )
    };
    run(&[&list[..], &["--context", "elsewhere"]].concat())
        .exits_with(4)
        .reports(&message("the context \"elsewhere\" is not defined; the contexts are: here"));
    std::fs::write(path, "{}").unwrap();
    run(&list)
        .exits_with(4)
        .reports(&message("current-context is not set; the contexts are: none"));
    std::fs::write(path, "[").unwrap();
    let start = format!("no cluster: {path} (from --kubeconfig) cannot be used: failed to parse");
    run(&list).exits_with(4).reports(&start);
    let mut several = program(&["list", "--context", "elsewhere"]);
    std::fs::remove_file(path).unwrap();
    let (one, two) = (kubeconfig(folder.path(), "http://127.0.0.1:1"), folder.path().join("two"));
    std::fs::write(&two, "{}").unwrap();
    let both = format!("{}:{}", one.display(), two.display());
    several.env("KUBECONFIG", &both);
    let both = format!("{} and {} (from $KUBECONFIG)", one.display(), two.display());
    outcome(several).exits_with(4).reports(&format!("{both} cannot be used"));
}

#[test]
fn a_cluster_that_cannot_be_reached_exits_with_4_and_is_named() {
    // The port is free, because the listener is closed again.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = kubeconfig(folder.path(), &format!("http://{address}"));
    for args in [
        &["list"][..],
        &["status", "web"],
        &["wait", "web"],
        &["pin", "web"],
        &["open", "web", "--print"],
    ] {
        let outcome = run(&[&["--kubeconfig", path.to_str().unwrap()], args].concat());
        let outcome = outcome.exits_with(4);
        let start = format!("error: cannot reach the API server at http://{address}/: ");
        assert!(outcome.err.starts_with(&start), "{}", outcome.err);
        outcome.reports("check that the cluster is running (kubectl cluster-info)");
    }
}

#[test]
fn every_documented_command_is_valid_and_every_subcommand_is_documented() {
    let page = page();
    let commands: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("$ kubectl preview ")).collect();
    for command in &commands {
        let args: Vec<&str> =
            ["--kubeconfig", "/no/kubeconfig"].into_iter().chain(command.split(' ')).collect();
        // The arguments are valid, so the program looks for a cluster.
        run(&args).exits_with(4).reports("/no/kubeconfig");
    }
    for name in ["list", "status", "wait", "open", "extend", "pin", "unpin", "sleep", "wake"] {
        assert!(commands.iter().any(|command| command.starts_with(name)), "{name}");
    }
}

#[test]
fn the_documentation_and_the_help_have_the_same_exit_codes() {
    let help = one_line(&run(&["--help"]).out);
    let page = page();
    let (_, table) = page.split_once("| code | meaning |\n|---|---|\n").unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with("| ")).collect();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let row = one_line(&row.replace('|', " "));
        assert!(help.contains(&row), "{row:?} is not in {help}");
    }
}
