//! The command line from outside: arguments, output, errors and exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{self, Read, Write};
use std::process::ExitCode;

use kubewright_cli::{Program, Streams};
use kubewright_core::Registry;
use kubewright_core::internals::printable::{escape_json, is_unsafe};
use kubewright_manifests::yaml::documents;
use serde_json::{Value, json};

struct Outcome {
    code: ExitCode,
    output: String,
    errors: String,
}

impl Outcome {
    fn documents(&self) -> Vec<Value> {
        documents(&self.output).unwrap().into_iter().map(|d| d.value).collect()
    }

    fn ended_with(&self, code: u8) -> bool {
        self.code == ExitCode::from(code)
    }
}

fn run(args: &[&str], input: &str) -> Outcome {
    run_program(Program::new(mall::registry()), args, input)
}

fn run_program(program: Program, args: &[&str], input: &str) -> Outcome {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut input = input.as_bytes();
    let mut streams =
        Streams { input: &mut input, output: &mut output, errors: &mut errors, colour: false };
    let code = program.execute(std::iter::once(&"mall").chain(args).copied(), &mut streams);
    Outcome {
        code,
        output: String::from_utf8(output).unwrap(),
        errors: String::from_utf8(errors).unwrap(),
    }
}

/// All characters that control a terminal or reorder its text, between `<<` and `>>`.
fn hostile() -> String {
    let text: String = ('\0'..='\u{ffff}').filter(|&c| is_unsafe(c)).collect();
    format!("<<{text}>>")
}

#[track_caller]
fn assert_safe(text: &str) {
    assert_eq!(text.chars().find(|&c| c != '\n' && is_unsafe(c)), None, "{text:?}");
    for line in text.lines() {
        let count = |mark| line.matches(mark).count();
        let is_whole = count("<<") == count(">>") || line.contains("...");
        assert!(is_whole, "a text continues on another line: {line}");
    }
}

/// Text with single spaces instead of line breaks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const SHOP: &str =
    "{apiVersion: example.dev/v1, kind: Shop, metadata: {name: corner}, spec: {image: shop:1.0}}";

#[test]
fn a_resource_is_rendered_as_the_engine_would_apply_it() {
    let outcome = run(&["render", "-f", "tests/inputs/good.yaml"], "");
    assert!(outcome.ended_with(0), "{}", outcome.errors);
    insta::assert_snapshot!(outcome.output);
    insta::assert_snapshot!("notes", outcome.errors);
}

#[test]
fn every_problem_of_every_document_is_reported_and_no_object_is_printed() {
    let outcome =
        run(&["render", "-f", "tests/inputs/bad.yaml", "-f", "tests/inputs/good.yaml"], "");
    assert!(outcome.ended_with(1));
    assert_eq!(outcome.output, "");
    insta::assert_snapshot!(outcome.errors);
}

#[test]
fn no_text_of_a_file_or_of_an_argument_controls_the_terminal() {
    let text = hostile();
    let labels = json!({ "tier": text, text.clone(): text });
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": "default", "labels": labels },
    });
    let written = |value: &Value| escape_json(&value.to_string()).into_owned();
    let read = run(&["render", "-f", "-"], &format!("{}\n---\n{SHOP}", written(&namespace)));
    let shop = json!({
        "apiVersion": "example.dev/v1", "kind": "Shop", text.clone(): text,
        "metadata": { "name": text, "namespace": text, "labels": { text.clone(): text } },
        "spec": { "image": text, "replicas": text, "hours": text, text.clone(): text },
    });
    let invalid = run(&["render", "-f", "-"], &written(&shop));
    let missing = run(&["render", "-f", &text], "");
    let unknown = run(&["render", "-f", "-", "--served", &text], "");
    let usage = run(&["render", &text], "");
    for outcome in [&read, &invalid, &missing, &unknown, &usage] {
        assert!(outcome.errors.contains("<<") && outcome.output.is_empty(), "{}", outcome.errors);
    }
    for outcome in [read, invalid, missing, unknown] {
        assert_safe(&outcome.output);
        assert_safe(&outcome.errors);
    }
    // The line break of an argument stays: clap's message has several lines, too.
    assert_eq!(usage.errors.chars().find(|&c| c != '\n' && is_unsafe(c)), None);
}

#[test]
fn rendering_twice_gives_the_same_bytes() {
    let once = || run(&["render", "-f", "tests/inputs/good.yaml"], "").output;
    assert_eq!(once(), once());
}

#[test]
fn operators_read_other_objects_of_the_files() {
    let namespace =
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {tier: gold}}\n---\n";
    let args = |text: &str| {
        let deployment = run(&["render", "-f", "-"], text).documents().remove(0);
        deployment.pointer("/spec/template/spec/containers/0/args").cloned()
    };
    assert_eq!(args(&format!("{namespace}{SHOP}")), Some(serde_json::json!(["--tier=gold"])));
    assert_eq!(args(SHOP), None);
}

#[test]
fn the_namespace_of_a_resource_need_not_be_in_the_files() {
    assert_eq!(run(&["render", "-f", "-"], SHOP).errors, "");
}

#[test]
fn a_resource_that_conflicts_with_another_one_is_a_problem() {
    let twin = SHOP.replace("corner", "zoo");
    let outcome = run(&["render", "-f", "-"], &format!("{SHOP}\n---\n{twin}"));
    assert!(outcome.ended_with(1) && outcome.output.is_empty());
    let message = "error: (standard input):3: Shop default/zoo: the shop default/corner has the \
                   same image; choose another (Twin)\n";
    assert!(outcome.errors.starts_with(message), "{}", outcome.errors);
}

#[test]
fn the_namespace_flag_applies_to_resources_without_a_namespace() {
    let elsewhere = SHOP
        .replace("{name: corner}", "{name: other, namespace: own}")
        .replace("shop:1.0", "shop:2.0");
    let outcome = run(&["render", "-n", "team-b", "-f", "-"], &format!("{SHOP}\n---\n{elsewhere}"));
    let spaces: Vec<_> = outcome
        .documents()
        .iter()
        .map(|d| d["metadata"]["namespace"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(spaces, ["team-b", "team-b", "team-b", "own", "own", "own"], "{}", outcome.errors);
    assert!(run(&["render", "-n", "Team", "-f", "-"], SHOP).ended_with(2));
}

const REGION: &str = "{apiVersion: example.dev/v1, kind: Region, metadata: {name: north}, \
                      spec: {namespace: default}}";

/// The data of the ConfigMap of a Region.
fn region_data(outcome: &Outcome) -> Value {
    assert!(outcome.ended_with(0), "{}", outcome.errors);
    outcome.documents()[0]["data"].clone()
}

#[test]
fn the_flag_or_a_definition_makes_an_optional_kind_served() {
    let plain = run(&["render", "-f", "-"], REGION);
    assert_eq!(region_data(&plain), serde_json::json!({}));
    let note = "rendered for a cluster that does not serve Route.routes.example.net; \
                otherwise pass --served Route.routes.example.net\n";
    assert!(plain.errors.ends_with(note), "{}", plain.errors);
    let routes = serde_json::json!({ "routes": "served" });
    for name in ["Route.routes.example.net", "routes.routes.example.net"] {
        let served = run(&["render", "-f", "-", "--served", name], REGION);
        assert_eq!((region_data(&served), &*served.errors), (routes.clone(), ""));
    }
    let definition = |version: &str| {
        format!(
            "{REGION}\n---\n{{apiVersion: apiextensions.k8s.io/v1, \
             kind: CustomResourceDefinition, metadata: {{name: routes.routes.example.net}}, \
             spec: {{versions: [{{name: {version}, served: true}}]}}}}"
        )
    };
    assert_eq!(region_data(&run(&["render", "-f", "-"], &definition("v1alpha1"))), routes);
    assert_eq!(
        region_data(&run(&["render", "-f", "-"], &definition("v1"))),
        serde_json::json!({}),
        "another version"
    );
}

#[test]
fn an_unknown_optional_kind_is_an_error_that_names_the_known_ones() {
    let outcome = run(&["render", "-f", "-", "--served", "Rout.routes.example.net"], REGION);
    assert!(outcome.ended_with(1) && outcome.output.is_empty());
    let message = "error: --served Rout.routes.example.net: not an optional kind of this program; \
                   its optional kinds are Route.routes.example.net\n";
    assert_eq!(outcome.errors, message);
}

#[test]
fn an_operator_sees_only_the_objects_that_its_selector_matches() {
    let service = |name: &str, tier: &str| {
        format!(
            "{{apiVersion: v1, kind: Service, \
             metadata: {{name: {name}, labels: {{open: 'yes', tier: {tier}}}}}}}"
        )
    };
    let files = [REGION.to_owned(), service("a", "gold"), service("b", "silver")].join("\n---\n");
    assert_eq!(
        region_data(&run(&["render", "-f", "-"], &files)),
        serde_json::json!({ "a": "open" })
    );
}

#[test]
fn folders_lists_and_json_are_read_in_the_order_of_file_names() {
    let outcome = run(&["render", "-f", "tests/inputs/folder"], "");
    let services: Vec<_> =
        outcome.documents().into_iter().filter(|d| d["kind"] == "Service").collect();
    let names: Vec<_> = services.iter().map(|d| d["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "c", "b"], "{}", outcome.errors);
    let uid = |at: usize| services[at]["metadata"]["ownerReferences"][0]["uid"].as_str().unwrap();
    assert_eq!(uid(1), "123");
    assert!(
        uid(0).starts_with("00000000-0000-0000-")
            && uid(2).starts_with("00000000-0000-0000-")
            && uid(0) != uid(2)
    );
}

#[test]
fn a_problem_in_a_list_has_the_line_of_the_item() {
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {SHOP}\n- {}",
        SHOP.replace("image", "imgae")
    );
    let outcome = run(&["render", "-f", "-"], &list);
    assert!(
        outcome
            .errors
            .contains("error: (standard input):5: Shop default/corner: spec.imgae: unknown field")
    );
}

#[test]
fn the_error_names_a_file_that_cannot_be_read() {
    for (file, message) in [
        (
            "tests/inputs/missing.yaml",
            "error: cannot read tests/inputs/missing.yaml: No such file or directory",
        ),
        (
            "tests/snapshots",
            "error: the folder tests/snapshots contains no .yaml, .yml or .json file",
        ),
    ] {
        let outcome = run(&["render", "-f", file], "");
        assert!(outcome.ended_with(1) && outcome.errors.starts_with(message), "{}", outcome.errors);
    }
}

#[test]
fn input_without_a_resource_is_an_error_that_names_the_reconciled_kinds() {
    let outcome = run(&["render", "-f", "-"], "# nothing\n");
    assert!(outcome.ended_with(1));
    let wanted = "error: the files contain no resource of this program, which reconciles \
                  Shop (example.dev/v1) and Region (example.dev/v1)\n";
    assert_eq!(outcome.errors, wanted);
}

#[test]
fn a_program_can_render_its_own_samples() {
    let samples = run(&["samples"], "");
    assert!(samples.ended_with(0) && samples.documents().len() == 3);
    let rendered = run(&["render", "-f", "-"], &samples.output);
    assert!(rendered.ended_with(0), "{}", rendered.errors);
}

#[test]
fn definitions_roles_and_the_installation_are_printed_as_yaml() {
    let kinds = |args: &[&str]| -> Vec<String> {
        let outcome = run(args, "");
        assert!(outcome.ended_with(0), "{}", outcome.errors);
        assert!(
            outcome
                .output
                .starts_with(&format!("# Generated by `mall {}`; do not edit.\n", args[0]))
        );
        outcome.documents().iter().map(|d| d["kind"].as_str().unwrap().to_owned()).collect()
    };
    let (crd, role, binding) = ("CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding");
    assert_eq!(kinds(&["crds"]), [crd, crd]);
    assert_eq!(kinds(&["rbac"]), ["ServiceAccount", role, binding, role, binding]);
    assert_eq!(kinds(&["rbac", "-n", "a,b"]).iter().filter(|k| *k == "Role").count(), 4);
    let install = kinds(&["install", "--image", "x:1"]);
    assert_eq!(
        install,
        ["Namespace", crd, crd, "ServiceAccount", role, binding, role, binding, "Deployment"]
    );
}

#[test]
fn flags_set_the_service_account_the_image_and_the_namespaces() {
    let rbac = run(&["rbac", "--service-account", "ops:robot"], "");
    let subject = rbac.documents()[2]["subjects"][0].clone();
    assert_eq!(
        (subject["namespace"].as_str(), subject["name"].as_str()),
        (Some("ops"), Some("robot"))
    );
    let install = run(&["install", "--image", "x:1", "-n", "team-a"], "").documents();
    let container = &install.last().unwrap()["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "x:1");
    assert_eq!(
        container["args"],
        serde_json::json!(["run", "--listen=0.0.0.0:8080", "--namespace=team-a"])
    );
}

#[test]
fn run_accepts_the_arguments_of_the_installation() {
    let install = run(&["install", "-n", "team-a"], "").documents();
    let args = install.last().unwrap()["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let mut args: Vec<&str> =
        args.as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    args.extend(["--kubeconfig", "/there/is/none"]);
    let outcome = run(&args, "");
    assert!(outcome.errors.contains("region reconciles"), "{}", outcome.errors);
    args.extend(["--controllers", "shop"]);
    let outcome = run(&args, "");
    // Exit code 1 instead of 2: the arguments are valid, and the cluster is missing.
    assert!(
        outcome.ended_with(1) && outcome.errors.contains("/there/is/none"),
        "{}",
        outcome.errors
    );
}

#[test]
fn help_describes_the_controllers_and_shows_examples() {
    let help = run(&["--help"], "");
    assert!(help.ended_with(0) && help.errors.is_empty());
    let text = words(&help.output);
    for part in [
        "Kubernetes operator for Shop (example.dev/v1) and Region (example.dev/v1).",
        "shop: Shop (example.dev/v1); owns Deployment, Service, Route (optional); \
         reads Namespace, Shop region:",
        "region: Region (example.dev/v1); owns ConfigMap, Route (optional); reads Shop, Service",
        "mall render -f resource.yaml",
        "render Validate resources and print their children, without a cluster",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{}", help.output);
    }
    let run = words(&run(&["run", "--help"], "").output);
    assert!(
        run.contains("[possible values: shop, region]")
            && run.contains("[default: 127.0.0.1:8080]"),
        "{run}"
    );
}

#[test]
fn a_program_can_set_its_version_and_description() {
    let program = || Program::new(mall::registry()).version("1.2.3").about("Runs shops.");
    assert_eq!(run_program(program(), &["--version"], "").output, "mall 1.2.3\n");
    assert!(run_program(program(), &["--help"], "").output.starts_with("Runs shops.\n"));
    assert!(run(&["--version"], "").output.starts_with("mall (kubewright "));
}

#[test]
fn invalid_arguments_end_with_2_and_a_message_what_to_write() {
    for (args, message) in [
        (&[][..], "Usage: mall <COMMAND>"),
        (&["rendr"], "a similar subcommand exists: 'render'"),
        (&["render"], "--file <FILE>"),
        (&["run", "--listen", "8080"], "write ADDRESS:PORT"),
        (&["run", "--controllers", "shpo"], "possible values: shop, region"),
        (&["run", "--shutdown-deadline", "20"], "write a number with a unit"),
        (&["run", "--resync", "0s"], "write at least 1s"),
        (&["run", "--shard-count", "257"], "257 is not in 1..=256"),
        (&["run", "--shard-index", "1"], "--shard-count <N>"),
        (&["run", "--workers", "0"], "0 is not in 1..=65535"),
        (&["run", "--log", "a=b=c"], "write a level"),
        (&["run", "-n", "Team"], "write a namespace name"),
        (&["rbac", "--service-account", "robot"], "write NAMESPACE:NAME"),
    ] {
        let outcome = run(args, "");
        assert!(outcome.ended_with(2) && outcome.output.is_empty(), "{args:?}");
        assert!(words(&outcome.errors).contains(message), "{args:?}: {}", outcome.errors);
    }
}

#[test]
fn an_invalid_registry_is_an_error_of_every_subcommand() {
    let twice = Registry::new("mall").with(mall::ShopOperator).with(mall::ShopOperator);
    let outcome = run_program(Program::new(twice), &["crds"], "");
    assert!(
        outcome.ended_with(1) && outcome.errors.contains("two operators have the name \"shop\""),
        "{}",
        outcome.errors
    );
}

struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
}

#[test]
fn a_closed_pipe_is_no_error_and_a_full_disk_is_one() {
    for (kind, code) in [(io::ErrorKind::BrokenPipe, 0), (io::ErrorKind::StorageFull, 1)] {
        for args in [&["mall", "crds"][..], &["mall", "--help"], &["mall", "samples"]] {
            let mut errors = Vec::new();
            let mut streams = Streams {
                input: &mut io::empty(),
                output: &mut Broken(kind),
                errors: &mut errors,
                colour: false,
            };
            let ended = Program::new(mall::registry()).execute(args, &mut streams);
            assert_eq!(
                ended,
                ExitCode::from(code),
                "{args:?}: {}",
                String::from_utf8_lossy(&errors)
            );
        }
    }
}

#[test]
fn input_that_cannot_be_read_is_an_error() {
    let mut errors = Vec::new();
    let mut input = Broken(io::ErrorKind::InvalidData);
    let mut output = Vec::new();
    let mut streams =
        Streams { input: &mut input, output: &mut output, errors: &mut errors, colour: false };
    let ended = Program::new(mall::registry()).execute(["mall", "render", "-f", "-"], &mut streams);
    assert_eq!(ended, ExitCode::from(1));
    assert!(String::from_utf8(errors).unwrap().starts_with("error: cannot read -: "));
}

/// Settings of a program. This comment must not replace the description of `run`.
#[derive(clap::Args)]
struct TestSettings {
    /// Reconcile nothing
    #[arg(long)]
    idle: bool,
}

fn program_with_settings() -> Program {
    Program::new(mall::registry()).with_settings(|settings: TestSettings| {
        if settings.idle { Registry::new("mall") } else { mall::registry() }
    })
}

#[test]
fn settings_are_flags_of_run_and_render_only() {
    let plain = run_program(program_with_settings(), &["render", "-f", "-"], SHOP);
    assert!(
        plain.ended_with(0) && plain.output == run(&["render", "-f", "-"], SHOP).output,
        "{}",
        plain.errors
    );
    let idle = run_program(program_with_settings(), &["render", "-f", "-", "--idle"], SHOP);
    assert!(idle.ended_with(1) && idle.errors.contains("no kind"), "{}", idle.errors);
    for command in ["run", "render"] {
        let (help, without) = (
            run_program(program_with_settings(), &[command, "--help"], "").output,
            run(&[command, "--help"], "").output,
        );
        assert!(help.contains("Reconcile nothing"), "{command}");
        assert_eq!(
            help.split("Usage:").next(),
            without.split("Usage:").next(),
            "the description of the subcommand is unchanged"
        );
    }
    assert!(run_program(program_with_settings(), &["crds", "--idle"], "").ended_with(2));
    assert!(
        run(&["render", "-f", "-", "--idle"], SHOP).ended_with(2),
        "a program without settings"
    );
}

#[derive(clap::Subcommand)]
enum OwnCommands {
    /// Greets somebody
    Greet { name: String },
}

#[test]
fn a_program_can_have_subcommands_of_its_own() {
    let program = || {
        Program::new(mall::registry()).with_commands(|OwnCommands::Greet { name }, streams| {
            if name.is_empty() {
                return Err("the name is empty\u{1b}".into());
            }
            Ok(streams.print(&format!("hello {name}\n"))?)
        })
    };
    assert!(run_program(program(), &["--help"], "").output.contains("Greets somebody"));
    assert_eq!(run_program(program(), &["greet", "Ada"], "").output, "hello Ada\n");
    let failed = run_program(program(), &["greet", ""], "");
    assert!(failed.ended_with(1));
    assert!(failed.errors.contains("error: the name is empty\\u{1b}"), "{}", failed.errors);
    assert!(run_program(program(), &["greet"], "").ended_with(2));
    assert!(run_program(program(), &["crds"], "").output.contains("CustomResourceDefinition"));
}
