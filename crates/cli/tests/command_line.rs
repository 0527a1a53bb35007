//! The command line as people use it: what is asked for, what is printed where, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{self, Read, Write};
use std::process::ExitCode;

use kubewright_cli::{Extension, Program, Streams};
use kubewright_core::Registry;
use kubewright_manifests::yaml::documents;
use serde_json::Value;

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

fn ask(args: &[&str], input: &str) -> Outcome {
    of(Program::new(mall::registry()), args, input)
}

fn of(program: Program, args: &[&str], input: &str) -> Outcome {
    called(program, "mall", args, input)
}

fn called(program: Program, name: &str, args: &[&str], input: &str) -> Outcome {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut input = input.as_bytes();
    let mut streams =
        Streams { input: &mut input, output: &mut output, errors: &mut errors, colour: false };
    let code = program.execute(std::iter::once(&name).chain(args).copied(), &mut streams);
    Outcome {
        code,
        output: String::from_utf8(output).unwrap(),
        errors: String::from_utf8(errors).unwrap(),
    }
}

/// Words, without the places where lines were broken.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const SHOP: &str =
    "{apiVersion: example.dev/v1, kind: Shop, metadata: {name: corner}, spec: {image: shop:1.0}}";

#[test]
fn a_resource_is_rendered_as_the_engine_would_apply_it() {
    let outcome = ask(&["render", "-f", "tests/inputs/good.yaml"], "");
    assert!(outcome.ended_with(0), "{}", outcome.errors);
    insta::assert_snapshot!(outcome.output);
    insta::assert_snapshot!("notes", outcome.errors);
}

#[test]
fn every_problem_of_every_document_is_told_and_nothing_is_printed() {
    let outcome =
        ask(&["render", "-f", "tests/inputs/bad.yaml", "-f", "tests/inputs/good.yaml"], "");
    assert!(outcome.ended_with(1));
    assert_eq!(outcome.output, "");
    insta::assert_snapshot!(outcome.errors);
}

#[test]
fn rendering_twice_gives_the_same_bytes() {
    let once = || ask(&["render", "-f", "tests/inputs/good.yaml"], "").output;
    assert_eq!(once(), once());
}

#[test]
fn what_is_read_is_taken_from_the_files() {
    let namespace =
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {tier: gold}}\n---\n";
    let args = |text: &str| {
        let deployment = ask(&["render", "-f", "-"], text).documents().remove(0);
        deployment.pointer("/spec/template/spec/containers/0/args").cloned()
    };
    assert_eq!(args(&format!("{namespace}{SHOP}")), Some(serde_json::json!(["--tier=gold"])));
    assert_eq!(args(SHOP), None);
}

#[test]
fn a_namespace_that_resources_live_in_need_not_be_in_the_files() {
    assert_eq!(ask(&["render", "-f", "-"], SHOP).errors, "");
}

#[test]
fn a_resource_that_cannot_work_beside_another_is_a_problem() {
    let twin = SHOP.replace("corner", "zoo");
    let outcome = ask(&["render", "-f", "-"], &format!("{SHOP}\n---\n{twin}"));
    assert!(outcome.ended_with(1) && outcome.output.is_empty());
    let message = "error: (standard input):3: Shop default/zoo: the shop default/corner has the same image; choose another (Twin)\n";
    assert!(outcome.errors.starts_with(message), "{}", outcome.errors);
}

#[test]
fn the_namespace_is_the_one_of_the_resource_then_the_one_of_the_command_line() {
    let elsewhere = SHOP
        .replace("{name: corner}", "{name: other, namespace: own}")
        .replace("shop:1.0", "shop:2.0");
    let outcome = ask(&["render", "-n", "team-b", "-f", "-"], &format!("{SHOP}\n---\n{elsewhere}"));
    let spaces: Vec<_> = outcome
        .documents()
        .iter()
        .map(|d| d["metadata"]["namespace"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(spaces, ["team-b", "team-b", "team-b", "own", "own", "own"], "{}", outcome.errors);
    assert!(ask(&["render", "-n", "Team", "-f", "-"], SHOP).ended_with(2));
}

const REGION: &str = "{apiVersion: example.dev/v1, kind: Region, metadata: {name: north}, spec: {namespace: default}}";

/// What the ConfigMap of a Region has.
fn of_region(outcome: &Outcome) -> Value {
    assert!(outcome.ended_with(0), "{}", outcome.errors);
    outcome.documents()[0]["data"].clone()
}

#[test]
fn an_optional_kind_is_served_where_the_command_line_or_a_definition_says_so() {
    let plain = ask(&["render", "-f", "-"], REGION);
    assert_eq!(of_region(&plain), serde_json::json!({}));
    let note = "it asks what the cluster serves, and is told nothing of this: --served Route.routes.example.net\n";
    assert!(plain.errors.ends_with(note), "{}", plain.errors);
    let routes = serde_json::json!({ "routes": "served" });
    for name in ["Route.routes.example.net", "routes.routes.example.net"] {
        let told = ask(&["render", "-f", "-", "--served", name], REGION);
        assert_eq!((of_region(&told), &*told.errors), (routes.clone(), ""));
    }
    let definition = |version: &str| {
        format!(
            "{REGION}\n---\n{{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {{name: \
             routes.routes.example.net}}, spec: {{versions: [{{name: {version}, served: true}}]}}}}"
        )
    };
    assert_eq!(of_region(&ask(&["render", "-f", "-"], &definition("v1alpha1"))), routes);
    assert_eq!(
        of_region(&ask(&["render", "-f", "-"], &definition("v1"))),
        serde_json::json!({}),
        "another version"
    );
}

#[test]
fn that_a_kind_is_served_of_which_nobody_asks_is_an_error_that_names_the_others() {
    let outcome = ask(&["render", "-f", "-", "--served", "Rout.routes.example.net"], REGION);
    assert!(outcome.ended_with(1) && outcome.output.is_empty());
    let message = "error: --served Rout.routes.example.net: no operator asks whether that is served; they ask for Route.routes.example.net\n";
    assert_eq!(outcome.errors, message);
}

#[test]
fn of_what_is_selected_by_labels_only_that_is_seen() {
    let service = |name: &str, tier: &str| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}, labels: {{open: 'yes', tier: {tier}}}}}}}"
        )
    };
    let files = [REGION.to_owned(), service("a", "gold"), service("b", "silver")].join("\n---\n");
    assert_eq!(of_region(&ask(&["render", "-f", "-"], &files)), serde_json::json!({ "a": "open" }));
}

#[test]
fn folders_lists_and_json_are_read_in_the_order_of_names() {
    let outcome = ask(&["render", "-f", "tests/inputs/folder"], "");
    let kept: Vec<_> = outcome.documents().into_iter().filter(|d| d["kind"] == "Service").collect();
    let names: Vec<_> = kept.iter().map(|d| d["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "c", "b"], "{}", outcome.errors);
    let uid = |at: usize| kept[at]["metadata"]["ownerReferences"][0]["uid"].as_str().unwrap();
    assert_eq!(uid(1), "123");
    assert!(
        uid(0).starts_with("00000000-0000-0000-")
            && uid(2).starts_with("00000000-0000-0000-")
            && uid(0) != uid(2)
    );
}

#[test]
fn a_problem_in_a_list_has_the_line_of_its_item() {
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {SHOP}\n- {}",
        SHOP.replace("image", "imgae")
    );
    let outcome = ask(&["render", "-f", "-"], &list);
    assert!(outcome.errors.contains(
        "error: (standard input):5: Shop default/corner: spec.imgae: there is no such field"
    ));
}

#[test]
fn files_that_cannot_be_read_are_named() {
    for (file, message) in [
        (
            "tests/inputs/missing.yaml",
            "error: cannot read tests/inputs/missing.yaml: No such file or directory",
        ),
        ("tests/snapshots", "error: there is no .yaml, .yml or .json file in tests/snapshots"),
    ] {
        let outcome = ask(&["render", "-f", file], "");
        assert!(outcome.ended_with(1) && outcome.errors.starts_with(message), "{}", outcome.errors);
    }
}

#[test]
fn input_without_a_resource_is_an_error_that_says_what_there_could_be() {
    let outcome = ask(&["render", "-f", "-"], "# nothing\n");
    assert!(outcome.ended_with(1));
    let wanted = "error: there is no resource of this program in the files; it reconciles Shop (example.dev/v1) and Region (example.dev/v1)\n";
    assert_eq!(outcome.errors, wanted);
}

#[test]
fn the_samples_of_a_program_can_be_rendered_by_it() {
    let samples = ask(&["samples"], "");
    assert!(samples.ended_with(0) && samples.documents().len() == 3);
    let rendered = ask(&["render", "-f", "-"], &samples.output);
    assert!(rendered.ended_with(0), "{}", rendered.errors);
}

#[test]
fn definitions_rights_and_the_installation_are_printed_as_yaml() {
    let kinds = |args: &[&str]| -> Vec<String> {
        let outcome = ask(args, "");
        assert!(outcome.ended_with(0), "{}", outcome.errors);
        assert!(
            outcome.output.starts_with(&format!("# Made by `mall {}`; do not edit.\n", args[0]))
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
fn the_service_account_the_image_and_the_namespaces_can_be_chosen() {
    let rbac = ask(&["rbac", "--service-account", "ops:robot"], "");
    let subject = rbac.documents()[2]["subjects"][0].clone();
    assert_eq!(
        (subject["namespace"].as_str(), subject["name"].as_str()),
        (Some("ops"), Some("robot"))
    );
    let install = ask(&["install", "--image", "x:1", "-n", "team-a"], "").documents();
    let container = &install.last().unwrap()["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "x:1");
    assert_eq!(
        container["args"],
        serde_json::json!(["run", "--listen=0.0.0.0:8080", "--namespace=team-a"])
    );
}

#[test]
fn the_arguments_of_the_installation_are_understood_by_run() {
    let install = ask(&["install", "-n", "team-a"], "").documents();
    let args = install.last().unwrap()["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let mut args: Vec<&str> =
        args.as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    args.extend(["--kubeconfig", "/there/is/none"]);
    let outcome = ask(&args, "");
    // Not 2: it got as far as looking for a cluster.
    assert!(
        outcome.ended_with(1) && outcome.errors.contains("/there/is/none"),
        "{}",
        outcome.errors
    );
}

#[test]
fn help_says_what_the_program_reconciles_and_how_to_begin() {
    let help = ask(&["--help"], "");
    assert!(help.ended_with(0) && help.errors.is_empty());
    let text = words(&help.output);
    for part in [
        "A Kubernetes operator. It reconciles Shop (example.dev/v1) and Region (example.dev/v1).",
        "shop: Shop of example.dev/v1, owns Deployment, Service, Route (where it is served), reads Namespace, Shop",
        "region: Region of example.dev/v1, owns ConfigMap, Route (where it is served), reads Shop, Service",
        "mall render -f resource.yaml",
        "render Print what resources would become, without a cluster",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{}", help.output);
    }
    let run = words(&ask(&["run", "--help"], "").output);
    assert!(
        run.contains("[possible values: shop, region]") && run.contains("[default: 0.0.0.0:8080]"),
        "{run}"
    );
}

#[test]
fn a_program_can_say_its_version_and_what_it_is_for() {
    let program = || Program::new(mall::registry()).version("1.2.3").about("Runs shops.");
    assert_eq!(of(program(), &["--version"], "").output, "mall 1.2.3\n");
    assert!(of(program(), &["--help"], "").output.starts_with("Runs shops.\n"));
    assert!(ask(&["--version"], "").output.starts_with("mall (kubewright "));
}

/// `greet NAME`, with a code of its own for one name.
fn greeter() -> Program {
    let command = clap::Command::new("greet")
        .about("Greet somebody")
        .arg(clap::Arg::new("name").required(true));
    let extension = Extension::new(command, |registry, matches, streams| {
        let name = matches.get_one::<String>("name").unwrap();
        streams.print(&format!("hello {name}, says {}\n", registry.name())).unwrap();
        ExitCode::from(if name == "nobody" { 3 } else { 0 })
    });
    Program::new(mall::registry()).version("1.2.3").with(extension)
}

#[test]
fn a_program_can_have_subcommands_of_its_own() {
    let outcome = of(greeter(), &["greet", "you"], "");
    assert!(
        outcome.ended_with(0) && outcome.output == "hello you, says mall\n",
        "{}",
        outcome.errors
    );
    assert!(
        of(greeter(), &["greet", "nobody"], "").ended_with(3),
        "the code is the subcommand's own"
    );
    assert!(of(greeter(), &["greet"], "").ended_with(2));
    assert!(words(&of(greeter(), &["--help"], "").output).contains("greet Greet somebody"));
    assert!(of(greeter(), &["crds"], "").ended_with(0), "what every program can is still there");
    assert!(ask(&["greet", "you"], "").ended_with(2), "others do not have it");
}

#[test]
fn a_program_that_is_called_as_a_plugin_of_kubectl_is_that_subcommand() {
    for name in ["kubectl-greet", "/usr/local/bin/kubectl-greet", "./kubectl-greet.exe"] {
        let outcome = called(greeter(), name, &["you"], "");
        assert!(
            outcome.ended_with(0) && outcome.output == "hello you, says mall\n",
            "{name}: {}",
            outcome.errors
        );
    }
    let outcome = called(greeter(), "kubectl-greet", &[], "");
    assert!(
        outcome.ended_with(2) && outcome.errors.contains("Usage: kubectl greet <name>"),
        "{}",
        outcome.errors
    );
    assert!(called(greeter(), "kubectl-greet", &["--version"], "").output.ends_with("1.2.3\n"));
    for name in ["kubectl", "kubectl-", "kubectl-other", "greet", "mall"] {
        assert!(called(greeter(), name, &["you"], "").ended_with(2), "{name}");
    }
}

#[test]
fn arguments_that_cannot_be_understood_end_with_2_and_say_what_to_write() {
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
        (&["run", "-n", "Team"], "the name of a namespace has"),
        (&["rbac", "--service-account", "robot"], "write NAMESPACE:NAME"),
    ] {
        let outcome = ask(args, "");
        assert!(outcome.ended_with(2) && outcome.output.is_empty(), "{args:?}");
        assert!(words(&outcome.errors).contains(message), "{args:?}: {}", outcome.errors);
    }
}

#[test]
fn a_registry_with_a_defect_is_told_before_anything_is_done() {
    let twice = Registry::new("mall").with(mall::ShopOperator).with(mall::ShopOperator);
    let outcome = of(Program::new(twice), &["crds"], "");
    assert!(
        outcome.ended_with(1) && outcome.errors.contains("two operators are named \"shop\""),
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
fn a_reader_that_has_had_enough_is_no_error_and_a_full_disk_is_one() {
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
    let ended =
        Program::new(mall::registry()).execute(["mall", "render", "-f", "-"], &mut streams);
    assert_eq!(ended, ExitCode::from(1));
    assert!(String::from_utf8(errors).unwrap().starts_with("error: cannot read -: "));
}

/// A setting of a program, and a word about it that is none about `run`.
#[derive(clap::Args)]
struct Chosen {
    /// Reconcile nothing at all
    #[arg(long)]
    idle: bool,
}

fn configured() -> Program {
    Program::new(mall::registry()).configured(|chosen: Chosen| {
        if chosen.idle { Registry::new("mall") } else { mall::registry() }
    })
}

#[test]
fn the_settings_of_a_program_are_arguments_of_what_builds_and_of_nothing_else() {
    let plain = of(configured(), &["render", "-f", "-"], SHOP);
    assert!(
        plain.ended_with(0) && plain.output == ask(&["render", "-f", "-"], SHOP).output,
        "{}",
        plain.errors
    );
    let idle = of(configured(), &["render", "-f", "-", "--idle"], SHOP);
    assert!(idle.ended_with(1) && idle.errors.contains("nothing"), "{}", idle.errors);
    for command in ["run", "render"] {
        let (help, without) = (
            of(configured(), &[command, "--help"], "").output,
            ask(&[command, "--help"], "").output,
        );
        assert!(help.contains("Reconcile nothing at all"), "{command}");
        assert_eq!(
            help.split("Usage:").next(),
            without.split("Usage:").next(),
            "what it is for stays as it is"
        );
    }
    assert!(of(configured(), &["crds", "--idle"], "").ended_with(2));
    assert!(ask(&["render", "-f", "-", "--idle"], SHOP).ended_with(2), "where there is none");
}
