//! The command line of previews as people use it, where there is no cluster: help, mistakes, and
//! clusters that cannot be reached. What it does in a cluster is tested on a real one.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kubewright::Registry;
use kubewright::cli::{Program, Streams};

struct Outcome {
    code: ExitCode,
    output: String,
    errors: String,
}

impl Outcome {
    fn ended_with(&self, code: u8) -> bool {
        self.code == ExitCode::from(code)
    }
}

/// `operator preview ...`
fn ask(args: &[&str]) -> Outcome {
    called(&[&["operator", "preview"], args].concat())
}

fn called(args: &[&str]) -> Outcome {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        input: &mut std::io::empty(),
        output: &mut output,
        errors: &mut errors,
        colour: false,
    };
    let program = Program::new(Registry::new("operator"))
        .version("1.2.3")
        .with_extension(preview_cli::extension());
    let code = program.execute(args, &mut streams);
    Outcome {
        code,
        output: String::from_utf8(output).unwrap(),
        errors: String::from_utf8(errors).unwrap(),
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A kubeconfig whose cluster is at this address.
fn kubeconfig(folder: &Path, server: &str) -> PathBuf {
    let path = folder.join("kubeconfig");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: here, contexts: [{{name: here, context: {{cluster: here, user: me}}}}], \
         clusters: [{{name: here, cluster: {{server: '{server}'}}}}], users: [{{name: me, user: {{token: x}}}}]}}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn help_says_what_there_is_to_do_and_what_the_exit_codes_mean() {
    let help = ask(&["--help"]);
    assert!(help.ended_with(0) && help.errors.is_empty());
    let text = words(&help.output);
    for part in [
        "Look at previews, wait for them, and change how long they live",
        "list List previews",
        "status Show all about one preview",
        "wait Wait until a preview is ready, and print its URL",
        "open Open a preview in the browser",
        "extend Keep a preview longer",
        "pin Keep a preview until it is unpinned",
        "sleep Stop the pods of a preview",
        "wake Start the pods of a preview again",
        "3 there is no such preview",
        "--context <NAME>",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{}", help.output);
    }
}

#[test]
fn it_is_one_of_the_programs_subcommands_and_a_plugin_of_kubectl() {
    assert!(words(&called(&["operator", "--help"]).output).contains("preview Look at previews"));
    let plugin = called(&["/usr/local/bin/kubectl-preview", "wait", "--help"]);
    assert!(plugin.ended_with(0), "{}", plugin.errors);
    assert!(
        plugin.output.contains("Usage: kubectl preview wait [OPTIONS] <NAME>"),
        "{}",
        plugin.output
    );
    assert!(
        plugin.output.contains("kubectl preview wait pr-17 --timeout 10m"),
        "{}",
        plugin.output
    );
    assert!(called(&["kubectl-preview", "--version"]).output.ends_with(" 1.2.3\n"));
}

#[test]
fn what_cannot_be_understood_ends_with_2_and_says_what_to_write() {
    for (args, message) in [
        (&[][..], "Usage: operator preview"),
        (&["statu"], "a similar subcommand exists: 'status'"),
        (&["status"], "<NAME>"),
        (&["status", "Web"], "the name of a preview has a-z, 0-9, - and dots"),
        (&["list", "-o", "xml"], "possible values: wide, json, yaml, name"),
        (&["list", "-A", "-n", "team-a"], "cannot be used with"),
        (&["list", "-n", "Team"], "the name of a namespace has"),
        (
            &["wait", "web", "--timeout", "90"],
            "90 has no unit: write for example 90h for hours, 90m for minutes or 90s for seconds",
        ),
        (&["wait", "web", "--timeout", "0s"], "it is zero: write a duration that is longer"),
        (&["extend", "web"], "<--by <TIME>|--until <MOMENT>>"),
        (&["extend", "--by", "1h"], "<NAME>..."),
        (&["extend", "web", "--by", "1d"], "there is no unit d: write 24h"),
        (&["extend", "web", "--by", "1h", "--until", "2030-01-31T12:00Z"], "cannot be used with"),
        (&["extend", "web", "--until", "2030-01-31"], "with its offset from UTC"),
        (&["extend", "web", "--until", "24h"], "that is a time and no moment: write --by 24h"),
    ] {
        let outcome = ask(args);
        assert!(outcome.ended_with(2) && outcome.output.is_empty(), "{args:?}: {}", outcome.errors);
        assert!(words(&outcome.errors).contains(message), "{args:?}: {}", outcome.errors);
    }
}

#[test]
fn options_of_the_cluster_may_stand_before_and_after_the_subcommand() {
    for args in
        [["--kubeconfig", "/there/is/none", "list"], ["list", "--kubeconfig", "/there/is/none"]]
    {
        let outcome = ask(&args);
        assert!(
            outcome.ended_with(4) && outcome.errors.contains("/there/is/none"),
            "{}",
            outcome.errors
        );
        assert!(
            outcome.errors.starts_with("error: no cluster to connect to: "),
            "{}",
            outcome.errors
        );
    }
}

#[test]
fn a_cluster_that_is_not_there_ends_with_4_and_is_named() {
    // A port that was free a moment ago.
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
        let outcome = ask(&[&["--kubeconfig", path.to_str().unwrap()], args].concat());
        assert!(outcome.ended_with(4) && outcome.output.is_empty(), "{args:?}: {}", outcome.errors);
        let begin = format!(
            "error: cannot reach the API server at http://{address}/: no answer from the API server: "
        );
        assert!(outcome.errors.starts_with(&begin), "{}", outcome.errors);
        assert!(
            outcome.errors.contains("check that the cluster is running (kubectl cluster-info)"),
            "{}",
            outcome.errors
        );
    }
}

/// The page about this command line.
fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/previews/command-line.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_command_of_the_documentation_is_understood_and_every_subcommand_is_there() {
    let page = page();
    let commands: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("$ kubectl preview ")).collect();
    for command in &commands {
        let args: Vec<&str> = ["kubectl-preview", "--kubeconfig", "/there/is/none"]
            .into_iter()
            .chain(command.split(' '))
            .collect();
        let outcome = called(&args);
        // Not 2: it got as far as looking for a cluster.
        assert!(
            outcome.ended_with(4) && outcome.errors.contains("/there/is/none"),
            "{command}: {}",
            outcome.errors
        );
    }
    for name in ["list", "status", "wait", "open", "extend", "pin", "unpin", "sleep", "wake"] {
        assert!(commands.iter().any(|command| command.starts_with(name)), "{name}");
    }
}

#[test]
fn the_documentation_and_the_help_tell_the_same_exit_codes() {
    let help = words(&ask(&["--help"]).output);
    let page = page();
    let (_, table) = page.split_once("| code | meaning |\n|---|---|\n").unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with("| ")).collect();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let told = words(&row.replace('|', " "));
        assert!(help.contains(&told), "{told:?} is not in {help}");
    }
}

#[test]
fn a_context_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = kubeconfig(folder.path(), "http://127.0.0.1:1");
    let outcome = ask(&["list", "--kubeconfig", path.to_str().unwrap(), "--context", "elsewhere"]);
    assert!(outcome.ended_with(4) && outcome.errors.contains("elsewhere"), "{}", outcome.errors);
}
