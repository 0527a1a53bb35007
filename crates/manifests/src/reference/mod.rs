//! The API reference: one page of Markdown for each custom resource, and an index.
//!
//! | module | what it makes |
//! |---|---|
//! | `page` | a page: what the resource is, its smallest sample, its names and columns, and its fields |
//! | `conditions` | what the engine and the operator report about a resource, and why |
//! | `tree` | the fields of a schema, each with its path: `spec.ports[].name` |
//! | `field` | a field: its section, and its row in a table |
//! | `facts` | what a schema says of a value beside words: type, bounds, rules |
//! | `markdown` | texts that mean nothing but themselves, code, tables, anchors |
//!
//! What is not in a definition, a sample or a declaration is not here: how to use a resource is for
//! pages that people write.

mod conditions;
mod facts;
mod field;
mod markdown;
mod page;
mod tree;

use kubewright_core::Registry;
use kubewright_core::reason::Explained;
use kubewright_core::registry::{AnySample, Controller, Definition};
use serde_json::Value;

use crate::artifact::{Artifact, Error, Options, distinct};
use crate::crds::definition;
use markdown::{cell, code, prose, table};

/// Where the pages are.
const FOLDER: &str = "docs/api";

/// A custom resource, and all that a registry knows about it.
struct Kind {
    definition: Value,
    samples: Vec<AnySample>,
    /// Who reconciles it, and what is made of it.
    reconciled: Option<Reconciled>,
    /// The controllers that look at it.
    read_by: Vec<&'static str>,
}

/// What a declaration says.
struct Reconciled {
    by: &'static str,
    /// The kinds that it owns; `true` where they may not be served.
    owns: Vec<(String, bool)>,
    /// The reasons that it gives itself.
    reasons: Vec<Explained>,
}

impl Kind {
    fn new(registry: &Registry, of: Definition) -> Result<Self, Error> {
        let same = |info: &kubewright_core::KindInfo| info.resource() == of.kind.resource();
        let controllers = || registry.controllers().iter();
        let controller = controllers().find(|controller| same(&controller.resource()));
        let reads = |controller: &&std::sync::Arc<dyn Controller>| {
            !same(&controller.resource()) && controller.reads().iter().any(|read| same(&read.info))
        };
        Ok(Self {
            definition: definition(&of.crd)?,
            samples: of.samples,
            reconciled: controller.map(|controller| Reconciled {
                by: controller.name(),
                owns: controller
                    .owns()
                    .iter()
                    .map(|owned| (owned.info.to_string(), owned.optional))
                    .collect(),
                reasons: controller.reasons(),
            }),
            read_by: controllers().filter(reads).map(|controller| controller.name()).collect(),
        })
    }

    fn text(&self, pointer: &str) -> &str {
        self.definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.text("/spec/names/kind")
    }

    fn group(&self) -> &str {
        self.text("/spec/group")
    }

    /// The versions that the API server answers for.
    fn versions(&self) -> Vec<&Value> {
        let all = self.definition.pointer("/spec/versions").and_then(Value::as_array);
        all.into_iter().flatten().filter(|version| version["served"] == true).collect()
    }

    /// `example.com/v1`.
    fn api_version(&self, version: &Value) -> String {
        format!("{}/{}", self.group(), version["name"].as_str().unwrap_or_default())
    }

    /// What it is, as the schema of its first version says.
    fn about(&self) -> &str {
        let first = self.versions().first().copied();
        first
            .and_then(|version| version.pointer("/schema/openAPIV3Schema/description")?.as_str())
            .unwrap_or_default()
    }

    fn file(&self) -> String {
        format!("{}_{}.md", self.group(), self.text("/spec/names/plural"))
    }
}

/// `docs/api/<group>_<plural>.md` for each custom resource, and `docs/api/README.md`, which lists
/// them.
///
/// # Guarantees
/// Every field of every version that is served has exactly one section. Nothing that a schema says
/// is left out: a keyword that has no words here is shown as it is.
///
/// # Errors
/// The first [`Error`].
pub fn reference(registry: &Registry, options: &Options) -> Result<Vec<Artifact>, Error> {
    let kinds: Vec<Kind> = registry
        .definitions()
        .into_iter()
        .map(|definition| Kind::new(registry, definition))
        .collect::<Result<_, _>>()?;
    let mut pages = vec![options.page(format!("{FOLDER}/README.md"), &index(&kinds))];
    for kind in &kinds {
        let path = format!("{FOLDER}/{}", kind.file());
        let content = page::page(kind, &path)?;
        pages.push(options.page(path, &content));
    }
    distinct(pages)
}

fn index(kinds: &[Kind]) -> String {
    let row = |kind: &Kind| {
        let versions: Vec<String> =
            kind.versions().into_iter().map(|version| code(&kind.api_version(version))).collect();
        let link = format!("[{}]({})", kind.name(), kind.file());
        [
            link,
            versions.join(", "),
            kind.text("/spec/scope").to_lowercase(),
            cell(&prose(kind.about())),
        ]
    };
    let mut rows: Vec<_> = kinds.iter().map(row).collect();
    rows.sort();
    format!("# API reference\n\n{}", table(["kind", "version", "scope", "what it is"], &rows))
}
