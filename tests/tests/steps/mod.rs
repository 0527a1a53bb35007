//! The steps of CONTRIBUTING.md, "Add a custom resource", as checks of a project's files. Each
//! check returns one message per omission. A message names the step, the kind and what to do.

use std::fs;
use std::path::{Path, PathBuf};

use kubewright::controller::Controller;
use kubewright::registry::Definition;
use serde_json::Value;

/// A project with custom resources: its files, and the kinds in its registry.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) registered: Vec<Registered>,
}

/// A kind in the registry.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    /// The schema of its CRD.
    pub(crate) schema: Value,
    /// `None` for a kind that operators only read.
    pub(crate) operator: Option<OperatorFacts>,
}

/// The operator of a kind.
#[derive(Clone, Debug)]
pub(crate) struct OperatorFacts {
    pub(crate) name: String,
    /// Kinds of its children.
    pub(crate) owns: Vec<String>,
    /// Names of its samples.
    pub(crate) samples: Vec<String>,
}

/// A custom resource that crates/api defines with a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Defined {
    module: String,
    group: String,
    kind: String,
}

impl Project {
    /// This repository.
    pub(crate) fn of_repository() -> Self {
        let registry = operator::registry();
        let registered = registry.definitions().into_iter().map(|definition| {
            let kind = &definition.kind;
            let controller = registry.controller_of(&kind.api_version(), &kind.kind);
            registered(&definition, controller.map(|controller| &**controller))
        });
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        Self { root, registered: registered.collect() }
    }

    /// All omissions of all steps, in the order of the steps.
    pub(crate) fn omissions(&self) -> Vec<String> {
        let steps = [
            Self::step_1_type,
            Self::step_2_operator,
            Self::step_3_registry,
            Self::step_4_samples,
            Self::step_5_generated_files,
            Self::step_6_snapshots,
            Self::step_7_cluster_tests,
            Self::step_8_documents,
        ];
        steps.iter().flat_map(|step| step(self)).collect()
    }

    /// Step 1: the type is in crates/api, has a status with conditions, and documents its fields.
    pub(crate) fn step_1_type(&self) -> Vec<String> {
        let defined = self.defined();
        let mut omissions = Vec::new();
        for one in &self.registered {
            let name = one.name();
            if !defined.iter().any(|d| (&d.group, &d.kind) == (&one.group, &one.kind)) {
                omissions.push(format!("step 1: define {name} in crates/api/src/"));
            }
            for field in ["observedGeneration", "conditions"] {
                let status = &one.schema["properties"]["status"]["properties"];
                if one.operator.is_some() && status[field].is_null() {
                    omissions.push(format!("step 1: add {field} to the status of {name}"));
                }
            }
            undocumented(&one.schema["properties"]["spec"], "spec", &mut |path| {
                omissions.push(format!("step 1: write a `///` above the field {path} of {name}"));
            });
        }
        omissions
    }

    /// Step 2: crates/operator has an `impl Operator` for the type, and a file per kind of child.
    pub(crate) fn step_2_operator(&self) -> Vec<String> {
        let operators = self.operator_sources();
        let mut omissions = Vec::new();
        for defined in self.defined() {
            let read_only =
                self.registered(&defined).is_some_and(|registered| registered.operator.is_none());
            let name = self.registered(&defined).and_then(|it| Some(&it.operator.as_ref()?.name));
            // A type of the operator's own can stand for the resource.
            let has_name = |(_, text): &(PathBuf, String)| {
                name.is_some_and(|name| text.contains(&format!("NAME: &'static str = {name:?};")))
            };
            let is_found = !Self::operators_of(&defined, &operators).is_empty()
                || operators.iter().any(has_name);
            if !read_only && !is_found {
                let Defined { group, kind, .. } = defined;
                omissions.push(format!(
                    "step 2: write an `impl Operator` with `type Resource = {kind}` for {kind} \
                     {group} in crates/operator/src/"
                ));
            }
        }
        for one in &self.registered {
            let Some(operator) = &one.operator else { continue };
            for child in &operator.owns {
                let file = format!("{}.rs", snake_case(child));
                if !operators.iter().any(|(path, _)| path.ends_with(&file)) {
                    omissions.push(format!(
                        "step 2: put what {} creates as {child} into a file {file} in \
                         crates/operator/src/",
                        one.name()
                    ));
                }
            }
        }
        omissions
    }

    /// Step 3: the registry has every type that crates/api defines.
    pub(crate) fn step_3_registry(&self) -> Vec<String> {
        let missing = self.defined().into_iter().filter(|d| self.registered(d).is_none());
        missing
            .map(|Defined { group, kind, .. }| {
                format!(
                    "step 3: add the operator of {kind} {group} to \
                     crates/operator/src/registry.rs, or the kind with `with_definition` when \
                     operators only read it"
                )
            })
            .collect()
    }

    /// Step 4: every operator has a minimal and a full sample.
    pub(crate) fn step_4_samples(&self) -> Vec<String> {
        let mut omissions = Vec::new();
        for (one, operator) in self.with_operator() {
            for sample in ["minimal", "full"] {
                if !operator.samples.iter().any(|name| name == sample) {
                    let name = one.name();
                    omissions.push(format!("step 4: return a sample {sample:?} for {name}"));
                }
            }
        }
        omissions
    }

    /// Step 5: the generated CRD exists.
    pub(crate) fn step_5_generated_files(&self) -> Vec<String> {
        let files = self.registered.iter().map(|one| {
            (format!("generated/crds/{}_{}.yaml", one.group, one.plural), "cargo xtask gen")
        });
        self.missing("step 5", files)
    }

    /// Step 6: a snapshot of the children of every sample exists.
    pub(crate) fn step_6_snapshots(&self) -> Vec<String> {
        let command = "cargo test -p tests --test snapshots";
        let files = self.with_operator().flat_map(|(_, operator)| {
            operator.samples.iter().map(move |sample| {
                let name = format!("sample_{}_{sample}", operator.name);
                (format!("tests/tests/snapshots/{name}.snap"), command)
            })
        });
        self.missing("step 6", files)
    }

    /// Step 7: a cluster test other than that of the samples uses the type.
    pub(crate) fn step_7_cluster_tests(&self) -> Vec<String> {
        let mut tests = Vec::new();
        read_sources(&self.root.join("tests/tests"), &mut tests);
        tests.retain(|(path, _)| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("cluster_") && name != "cluster_samples.rs"
        });
        let untested = self.defined().into_iter().filter(|defined| {
            !tests.iter().any(|(_, text)| imports(text, &defined.module, &defined.kind))
        });
        untested
            .map(|Defined { module, group, kind }| {
                format!(
                    "step 7: test what is special about {kind} {group} in a file \
                     tests/tests/cluster_*.rs that imports {module}::{kind}"
                )
            })
            .collect()
    }

    /// Step 8: the README and the changelog name the kind.
    pub(crate) fn step_8_documents(&self) -> Vec<String> {
        let mut omissions = Vec::new();
        for file in ["README.md", "CHANGELOG.md"] {
            let text = fs::read_to_string(self.root.join(file)).unwrap_or_default();
            for one in &self.registered {
                let api_version = format!("{}/{}", one.group, one.version);
                let is_named = text.contains(&one.kind) && text.contains(&api_version);
                if !is_named {
                    omissions.push(format!("step 8: add {} {api_version} to {file}", one.kind));
                }
            }
        }
        omissions
    }

    fn with_operator(&self) -> impl Iterator<Item = (&Registered, &OperatorFacts)> {
        self.registered.iter().filter_map(|one| Some((one, one.operator.as_ref()?)))
    }

    fn registered(&self, defined: &Defined) -> Option<&Registered> {
        let is_same =
            |one: &&Registered| (&one.group, &one.kind) == (&defined.group, &defined.kind);
        self.registered.iter().find(is_same)
    }

    fn missing(
        &self,
        step: &str,
        files: impl Iterator<Item = (String, &'static str)>,
    ) -> Vec<String> {
        files
            .filter(|(file, _)| !self.root.join(file).exists())
            .map(|(file, command)| format!("{step}: {file} is missing; run `{command}`"))
            .collect()
    }

    /// The custom resources in crates/api. Kinds of other projects have no schema there.
    fn defined(&self) -> Vec<Defined> {
        let folder = self.root.join("crates/api/src");
        let mut files = Vec::new();
        read_sources(&folder, &mut files);
        let mut defined = Vec::new();
        for (path, text) in files {
            let first = path.strip_prefix(&folder).unwrap().iter().next().unwrap();
            let module = Path::new(first).file_stem().unwrap().to_string_lossy().into_owned();
            for attributes in text.split("#[kube(").skip(1) {
                let attributes = attributes.split(")]\n").next().unwrap();
                let no_schema = ["disabled", "manual"]
                    .iter()
                    .any(|mode| attributes.contains(&format!("schema = \"{mode}\"")));
                let names = (attribute(attributes, "group"), attribute(attributes, "kind"));
                if let (false, (Some(group), Some(kind))) = (no_schema, names) {
                    defined.push(Defined { module: module.clone(), group, kind });
                }
            }
        }
        defined
    }

    fn operator_sources(&self) -> Vec<(PathBuf, String)> {
        let mut files = Vec::new();
        read_sources(&self.root.join("crates/operator/src"), &mut files);
        files
    }

    /// The source files with the `impl Operator` of a type.
    fn operators_of<'a>(defined: &Defined, sources: &'a [(PathBuf, String)]) -> Vec<&'a Path> {
        let Defined { module, kind, .. } = defined;
        let resource = [
            format!("type Resource = {kind};"),
            format!("type Resource = {module}::{kind};"),
            format!("type Resource = operator_api::{module}::{kind};"),
        ];
        let implements = |text: &str| {
            resource[1..].iter().any(|line| text.contains(line))
                || (text.contains(&resource[0]) && imports(text, module, kind))
        };
        let found = sources.iter().filter(|(_, text)| implements(text));
        found.map(|(path, _)| path.as_path()).collect()
    }
}

impl Registered {
    fn name(&self) -> String {
        format!("{} {}/{}", self.kind, self.group, self.version)
    }
}

fn registered(definition: &Definition, controller: Option<&dyn Controller>) -> Registered {
    let crd = serde_json::to_value(&definition.crd).unwrap();
    let operator = controller.map(|controller| OperatorFacts {
        name: controller.name().to_owned(),
        owns: controller.owns().iter().map(|owned| owned.info.kind.to_string()).collect(),
        samples: controller.samples().iter().map(|sample| sample.name.to_owned()).collect(),
    });
    Registered {
        group: definition.kind.group.to_string(),
        version: definition.kind.version.to_string(),
        kind: definition.kind.kind.to_string(),
        plural: definition.kind.plural.to_string(),
        schema: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone(),
        operator,
    }
}

/// All Rust files below a folder, with their text.
fn read_sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

/// The quoted value after `name = ` in a `#[kube(...)]` attribute.
fn attribute(attributes: &str, name: &str) -> Option<String> {
    let (_, rest) = attributes.split_once(&format!("{name} = \""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

/// Whether a source file names `module::kind`, alone or in a list in braces.
fn imports(text: &str, module: &str, kind: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let starts_a_name = |at: usize| !text[..at].ends_with(is_name);
    let prefix = format!("{module}::");
    let uses = text.match_indices(&prefix).filter(|(at, _)| starts_a_name(*at));
    uses.map(|(at, prefix)| &text[at + prefix.len()..]).any(|rest| {
        let list = rest.strip_prefix('{').and_then(|rest| rest.split(';').next());
        let mut names = list.unwrap_or(rest.split(|c| !is_name(c)).next().unwrap()).split(',');
        names.any(|name| name.trim().trim_end_matches('}').trim() == kind)
    })
}

/// Calls `report` with the path of each field below `schema` that has no description.
fn undocumented(schema: &Value, path: &str, report: &mut dyn FnMut(&str)) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if field["description"].as_str().is_none_or(str::is_empty) {
            report(&path);
        }
        undocumented(field, &path, report);
        undocumented(&field["items"], &path, report);
    }
}

/// `network_policy` for `NetworkPolicy`, `http_route` for `HTTPRoute`.
pub(crate) fn snake_case(kind: &str) -> String {
    let letters: Vec<char> = kind.chars().collect();
    let mut name = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let after_lower = index > 0 && letters[index - 1].is_lowercase();
        let before_lower = letters.get(index + 1).is_some_and(|next| next.is_lowercase());
        if index > 0 && letter.is_uppercase() && (after_lower || before_lower) {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}
