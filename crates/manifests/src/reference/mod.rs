//! The API reference: one Markdown page per custom resource, and an index.
//!
//! | module | content |
//! |---|---|
//! | `kind` | a custom resource with its definition, samples and controllers |
//! | `page` | a page: description, smallest sample, names, columns, conditions, fields |
//! | `conditions` | conditions and reasons of the engine and the operator |
//! | `tree` | the fields of a schema, each with its path: `spec.ports[].name` |
//! | `field` | a field: its section, and its row in a table |
//! | `schema` | type, bounds and rules of a value |
//! | `markdown` | escaped text, code, tables, anchors |
//!
//! A page contains only what definitions, samples and declarations contain. Guides are written by
//! hand.

mod conditions;
mod field;
mod kind;
mod markdown;
mod page;
mod schema;
mod tree;

use kubewright_core::Registry;

use crate::artifact::{Artifact, Error, Options, with_unique_paths};
use kind::Kind;
use markdown::{cell, code, prose, table};

/// Folder of the pages.
const FOLDER: &str = "docs/api";

/// `docs/api/<group>_<plural>.md` for each custom resource, and the index `docs/api/README.md`.
///
/// # Guarantees
/// Every field of every served version has exactly one section. Every keyword of a schema appears;
/// a keyword without a description is shown as JSON.
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
    with_unique_paths(pages)
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
            cell(&prose(kind.description())),
        ]
    };
    let mut rows: Vec<_> = kinds.iter().map(row).collect();
    rows.sort();
    format!("# API reference\n\n{}", table(["kind", "version", "scope", "description"], &rows))
}
