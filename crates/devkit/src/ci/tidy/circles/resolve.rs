//! Which file a path leads to. A re-export is followed to the file that defines the item.

use super::graph::Import;
use super::modules::{self, Crate};

/// How many re-exports are followed; more are a circle of globs. The work grows exponentially.
const MAX_DEPTH: usize = 8;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The index of a module.
    Module(usize),
    /// The index of the file that defines an item.
    Item(usize),
}

/// Every import of one file of a crate from another file.
pub(super) fn imports(krate: &Crate) -> Vec<Import> {
    let mut imports = Vec::new();
    for (index, module) in krate.modules.iter().enumerate() {
        let mut add = |target, line| {
            let to = match target {
                Target::Module(module) => krate.modules[module].file,
                Target::Item(file) => file,
            };
            if to != module.file {
                imports.push(Import { from: module.file, to, line });
            }
        };
        for import in &module.imports {
            match resolve(krate, index, &import.path, 0) {
                // A module that is imported to be named by path: the paths count.
                Some(Target::Module(_)) if is_named_by_path(module, import) => {}
                Some(target) => add(target, import.line),
                None => {}
            }
        }
        for (path, line) in &module.paths {
            if let Some(target) = resolve(krate, index, path, 0) {
                add(target, *line);
            }
        }
    }
    imports
}

fn is_named_by_path(module: &modules::Module, import: &modules::Import) -> bool {
    let name = import.name.as_ref();
    name.is_some() && module.paths.iter().any(|(path, _)| path.first() == name)
}

/// What a path in a module leads to; `None` outside of the crate.
fn resolve(krate: &Crate, from: usize, path: &[String], depth: usize) -> Option<Target> {
    let mut module = from;
    let mut rest = path;
    while let [first, after @ ..] = rest {
        module = match first.as_str() {
            "crate" => 0,
            "self" => module,
            "super" => krate.modules[module].parent,
            _ => break,
        };
        rest = after;
    }
    let is_relative = rest.len() == path.len();
    for (index, name) in rest.iter().enumerate() {
        match look_up(krate, module, name, depth) {
            Some(Target::Module(found)) => module = found,
            // What follows the name of a type is associated with it.
            Some(item) => return Some(item),
            // The first name of a relative path may be a crate, a type or a variable.
            None if is_relative && index == 0 => return None,
            // From another crate, or written by a macro.
            None => return Some(Target::Item(krate.modules[module].file)),
        }
    }
    Some(Target::Module(module))
}

/// What a name in a module means.
fn look_up(krate: &Crate, index: usize, name: &str, depth: usize) -> Option<Target> {
    let module = &krate.modules[index];
    if let Some(child) = module.children.get(name) {
        return Some(Target::Module(*child));
    }
    if module.items.contains(name) {
        return Some(Target::Item(module.file));
    }
    if depth == MAX_DEPTH {
        return None;
    }
    let named = module.imports.iter().filter(|import| import.name.as_deref() == Some(name));
    for import in named {
        if let Some(target) = resolve(krate, index, &import.path, depth + 1) {
            return Some(target);
        }
    }
    let globs = module.imports.iter().filter(|import| import.name.is_none());
    globs.into_iter().find_map(|glob| match resolve(krate, index, &glob.path, depth + 1)? {
        Target::Module(other) if other != index => look_up(krate, other, name, depth + 1),
        _ => None,
    })
}
