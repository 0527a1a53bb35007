//! Files of one crate that import each other. A file that cannot be understood without another file
//! of its circle is not a room of its own.
//!
//! - `tokens`: Rust source as nested tokens
//! - `modules`: the modules of a crate with what each defines, imports and names by path
//! - `resolve`: the file that a path leads to; `graph`: the circles among files

mod graph;
mod modules;
mod resolve;
mod tokens;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::graph::{Circle, Graph};
use self::modules::Crate;
use super::files::{Kind, Source};
use super::problem::Problem;

/// Checks each crate's `src` on its own.
///
/// - A path counts as an import of the file that defines the item, wherever the path stands: in
///   `use`, in an expression or in a type. A re-export is followed to the definition.
/// - `mod name;` is no import: a parent may declare a child that imports the parent.
/// - Code under `#[cfg(test)]` is ignored.
pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let texts: BTreeMap<&Path, &str> = sources
        .iter()
        .filter(|source| source.kind == Kind::Rust)
        .map(|source| (source.path.as_path(), source.text.as_str()))
        .collect();
    let roots = texts.keys().filter(|path| is_root(path));
    let mut found = Vec::new();
    for root in roots {
        let krate = Crate::read(root, &|path| texts.get(path).copied());
        let graph = Graph::new(resolve::imports(&krate));
        found.extend(graph.circles().iter().map(|circle| problem(&krate.files, circle)));
        found.extend(krate.unreadable.into_iter().map(|(file, line)| Problem {
            file,
            line,
            message: "no Rust source: a bracket or a quote does not fit".to_owned(),
        }));
    }
    found
}

/// Whether a file is the root of a library or a program.
fn is_root(path: &Path) -> bool {
    let is_named = |name: &str| path.file_name().is_some_and(|file| file == name);
    let is_in = |name: &str| path.parent().is_some_and(|parent| parent.ends_with(name));
    let is_below_bin =
        || path.parent().and_then(Path::parent).is_some_and(|folder| folder.ends_with("src/bin"));
    (is_in("src") && is_named("lib.rs"))
        || (is_named("main.rs") && (is_in("src") || is_below_bin()))
        || is_in("src/bin")
}

fn problem(files: &[PathBuf], circle: &Circle) -> Problem {
    let name = |file: usize| files[file].to_string_lossy();
    let step = |import: &graph::Import| format!("{}:{}", name(import.from), import.line);
    let first = &circle.imports[0];
    let mut steps: Vec<String> = circle.imports.iter().map(step).collect();
    steps.push(name(first.from).into_owned());
    let mut message = format!("circle of files: {}", steps.join(" -> "));
    if circle.files.len() > circle.imports.len() {
        let names: Vec<_> = circle.files.iter().map(|file| name(*file)).collect();
        let (count, names) = (names.len(), names.join(", "));
        message = format!("{message}\n    {count} files import each other: {names}");
    }
    Problem { file: files[first.from].clone(), line: first.line, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The circles of a crate of these files.
    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let sources = files.iter().map(|(path, text)| Source {
            path: Path::new("src").join(path),
            kind: Kind::Rust,
            text: (*text).to_owned(),
        });
        let found = check(&sources.collect::<Vec<_>>());
        found.into_iter().map(|problem| problem.message.replace("src/", "")).collect()
    }

    const A_AND_B: &str = "mod a; mod b;";

    #[test]
    fn files_that_import_each_other_are_a_circle() {
        let found = circles(&[
            ("lib.rs", A_AND_B),
            ("a.rs", "use std::fmt;\nuse crate::b::{self, deep::{B}};\nb::x(); pub struct A;"),
            ("b.rs", "pub mod deep; pub fn x() {}"),
            ("b/deep.rs", "use super::super::a::A; pub struct B;"),
        ]);
        assert_eq!(found, ["circle of files: a.rs:2 -> b/deep.rs:1 -> a.rs"]);
    }

    #[test]
    fn imports_in_one_direction_are_fine() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "/// Not [`crate::a::A`].\npub struct B; const X: &str = \"crate::a::A\";"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_parent_may_declare_a_child_that_uses_it_and_may_not_use_it() {
        let child = ("a/child.rs", "use super::Shared; pub fn run() {}");
        let root = ("lib.rs", "mod a;");
        assert_eq!(circles(&[root, ("a/mod.rs", "mod child; pub struct Shared;"), child]), [""; 0]);
        let calls = "mod child; pub struct Shared;\nfn go() { child::run(); }";
        let expected = ["circle of files: a/mod.rs:2 -> a/child.rs:1 -> a/mod.rs"];
        assert_eq!(circles(&[root, ("a/mod.rs", calls), child]), expected);
        let exports = "mod child; pub struct Shared;\npub use child::run;";
        assert_eq!(circles(&[root, ("a/mod.rs", exports), child]), expected);
    }

    #[test]
    fn a_re_export_leads_to_the_file_that_defines_the_item() {
        let found = circles(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b; mod c; mod d; pub use b::B; pub use c::*; pub use d::{D as E};"),
            ("a/b.rs", "use super::{C, E}; pub struct B;"),
            ("a/c.rs", "use crate::a::E; pub struct C;"),
            ("a/d.rs", "pub struct D;"),
        ]);
        assert_eq!(found, [""; 0]);
        let found = circles(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "mod b; mod c; pub use b::B; pub use c::*;"),
            ("a/b.rs", "use super::C; pub struct B;"),
            ("a/c.rs", "use super::B; pub struct C;"),
        ]);
        assert_eq!(found, ["circle of files: a/b.rs:1 -> a/c.rs:1 -> a/b.rs"]);
    }

    #[test]
    fn a_path_in_code_counts_also_through_an_imported_module() {
        let found = circles(&[
            ("lib.rs", A_AND_B),
            ("a.rs", "use crate::b;\nfn a() -> b::B { b::make() }"),
            ("b.rs", "pub struct B; pub fn make() -> B { println!(\"{}\", crate::a::a()); B }"),
        ]);
        assert_eq!(found, ["circle of files: a.rs:2 -> b.rs:1 -> a.rs"]);
    }

    #[test]
    fn tests_and_visibilities_do_not_count() {
        let found = circles(&[
            ("lib.rs", "pub mod a; pub mod b; pub mod c; #[cfg(test)] mod fixtures;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            (
                "b.rs",
                "#[cfg(test)]\nuse crate::a::{A};\npub struct B;\n\
                 #[cfg(all(test, unix))]\n#[allow(x)]\nmod tests { use crate::a::A; }",
            ),
            ("fixtures.rs", "use crate::a::A;"),
            ("c.rs", "mod child; pub use child::C;"),
            ("c/child.rs", "pub(in crate::c) struct C;"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_file_that_is_no_rust_source_is_reported() {
        let found = circles(&[("lib.rs", "mod a;"), ("a.rs", "fn a() {\n]")]);
        assert_eq!(found, ["no Rust source: a bracket or a quote does not fit"]);
    }

    #[test]
    fn an_inline_module_belongs_to_its_file() {
        let found = circles(&[
            ("lib.rs", A_AND_B),
            ("a.rs", "pub mod inner { use super::A; use crate::b::B; } pub struct A;"),
            ("b.rs", "use crate::a::inner; pub struct B(inner::X);"),
        ]);
        assert_eq!(found, ["circle of files: a.rs:1 -> b.rs:1 -> a.rs"]);
    }

    #[test]
    fn globs_in_a_circle_end_and_a_program_in_a_folder_is_checked() {
        let globs = |others: [&str; 5]| {
            others.map(|other| format!("use crate::{other}::*;")).join(" ") + " fn f() { x::y() }"
        };
        let names = ["a", "b", "c", "d", "e"];
        let files: Vec<(String, String)> =
            names.iter().map(|name| (format!("bin/p/{name}.rs"), globs(names))).collect();
        let mut files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        files.push(("bin/p/main.rs", "mod a; mod b; mod c; mod d; mod e;"));
        assert_eq!(circles(&files).len(), 1);
    }

    #[test]
    fn the_shortest_circle_is_shown_with_all_files_of_the_knot() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::a::A; use crate::c::C; pub struct B;"),
            ("c.rs", "use crate::a::A; pub struct C;"),
        ]);
        let expected = "circle of files: a.rs:1 -> b.rs:1 -> a.rs\n    \
            3 files import each other: a.rs, b.rs, c.rs";
        assert_eq!(found, [expected]);
    }
}
