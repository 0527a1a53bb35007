//! The modules of a crate, found by following `mod` from its root: what each defines, imports and
//! names by path. Code under `#[cfg(test)]` is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::tokens::{self, Token};

/// A crate as a tree of modules; the first one is its root.
#[derive(Debug, Default)]
pub(super) struct Crate {
    pub(super) modules: Vec<Module>,
    pub(super) files: Vec<PathBuf>,
    /// Files that are no Rust source, each with the line of the error.
    pub(super) unreadable: Vec<(PathBuf, usize)>,
}

/// A module, in a file of its own or inline.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// The index of its file.
    pub(super) file: usize,
    /// The index of its parent; the root is its own parent.
    pub(super) parent: usize,
    pub(super) children: BTreeMap<String, usize>,
    /// The names that the module itself defines.
    pub(super) items: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    /// Paths of two or more segments that stand in code.
    pub(super) paths: Vec<(Vec<String>, usize)>,
}

/// One name of a `use`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) path: Vec<String>,
    /// The name in this module; `None` for a glob.
    pub(super) name: Option<String>,
    pub(super) line: usize,
}

impl Crate {
    /// Reads the crate whose root is the file `root`; `text` returns the text of a file.
    pub(super) fn read<'a>(root: &Path, text: &dyn Fn(&Path) -> Option<&'a str>) -> Self {
        let mut krate = Self::default();
        let folder = root.parent().unwrap_or(root);
        krate.add_file(0, root, folder, text);
        krate
    }

    /// Adds the module of a file; its children are files below `folder`.
    fn add_file<'a>(
        &mut self,
        parent: usize,
        file: &Path,
        folder: &Path,
        text: &dyn Fn(&Path) -> Option<&'a str>,
    ) -> Option<usize> {
        let tokens = tokens::read(text(file)?).unwrap_or_else(|error| {
            self.unreadable.push((file.to_owned(), error.span().start().line));
            Vec::new()
        });
        self.files.push(file.to_owned());
        Some(self.add_module(parent, self.files.len() - 1, folder, &tokens, text))
    }

    fn add_module<'a>(
        &mut self,
        parent: usize,
        file: usize,
        folder: &Path,
        tokens: &[Token],
        text: &dyn Fn(&Path) -> Option<&'a str>,
    ) -> usize {
        let index = self.modules.len();
        let mut module = Module { file, parent, ..Module::default() };
        let declared = module.read(tokens);
        self.modules.push(module);
        for (name, inline) in declared {
            let below = folder.join(&name);
            let child = if let Some(tokens) = inline {
                Some(self.add_module(index, file, &below, tokens, text))
            } else {
                let beside = folder.join(format!("{name}.rs"));
                self.add_file(index, &beside, &below, text)
                    .or_else(|| self.add_file(index, &below.join("mod.rs"), &below, text))
            };
            self.modules[index].children.extend(child.map(|child| (name, child)));
        }
        index
    }
}

/// A module that another declares, with its tokens if it is inline.
type Declared<'t> = (String, Option<&'t [Token]>);

impl Module {
    /// Reads the tokens of this module, and returns the modules that it declares.
    fn read<'t>(&mut self, tokens: &'t [Token]) -> Vec<Declared<'t>> {
        let mut declared = Vec::new();
        self.walk(tokens, true, &mut declared);
        declared
    }

    /// `is_top` is false inside of items, where a name is no item of the module.
    fn walk<'t>(&mut self, tokens: &'t [Token], is_top: bool, declared: &mut Vec<Declared<'t>>) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let rest = &tokens[at..];
            at += match token {
                Token::Mark('#') => attribute(rest),
                // The rest of a path from outside of the crate.
                Token::Mark(':') if rest.get(1).is_some_and(|next| next.is_mark(':')) => 3,
                Token::Mark(_) => 1,
                Token::Group { inner, .. } => {
                    self.walk(inner, false, declared);
                    1
                }
                Token::Word { text, line } => match text.as_str() {
                    "pub" if rest.get(1).is_some_and(|next| next.group('(').is_some()) => 2,
                    "use" if !rest.get(1).is_some_and(|next| next.is_mark('<')) => {
                        self.read_use(rest, *line)
                    }
                    "mod" if is_top => read_mod(rest, declared),
                    _ => {
                        if is_top {
                            self.items.extend(defined(rest).map(str::to_owned));
                        }
                        self.read_path(rest, *line)
                    }
                },
            };
        }
    }

    /// Reads a path, and returns how many tokens it has.
    fn read_path(&mut self, tokens: &[Token], line: usize) -> usize {
        let (path, length) = path(tokens);
        if path.len() > 1 {
            self.paths.push((path, line));
        }
        length.max(1)
    }

    /// Reads a `use` up to its `;`, and returns how many tokens it has.
    fn read_use(&mut self, tokens: &[Token], line: usize) -> usize {
        let end = tokens.iter().position(|token| token.is_mark(';')).unwrap_or(tokens.len());
        let tree = &tokens[1..end.max(1)];
        // `use ::name` starts at another crate.
        if !tree.first().is_some_and(|token| token.is_mark(':')) {
            self.read_use_tree(&[], tree, line);
        }
        end + 1
    }

    fn read_use_tree(&mut self, prefix: &[String], tokens: &[Token], line: usize) {
        let (names, length) = path(tokens);
        let line = match tokens.first() {
            Some(Token::Word { line, .. }) => *line,
            _ => line,
        };
        let mut path = [prefix, &names].concat();
        let rest: Vec<&Token> =
            tokens[length..].iter().skip_while(|token| token.is_mark(':')).collect();
        if let Some(inner) = rest.first().and_then(|token| token.group('{')) {
            for tree in inner.split(|token| token.is_mark(',')).filter(|tree| !tree.is_empty()) {
                self.read_use_tree(&path, tree, line);
            }
            return;
        }
        if rest.first().is_some_and(|token| token.is_mark('*')) {
            self.imports.push(Import { path, name: None, line });
            return;
        }
        if path.len() > 1 && path.last().is_some_and(|name| name == "self") {
            path.pop();
        }
        let renamed = match rest.as_slice() {
            [keyword, name, ..] if keyword.word() == Some("as") => name.word(),
            _ => None,
        };
        let name = renamed.map(str::to_owned).or_else(|| path.last().cloned());
        self.imports.push(Import { path, name, line });
    }
}

/// A path at the beginning of `tokens`, and how many tokens it has.
fn path(tokens: &[Token]) -> (Vec<String>, usize) {
    let mut path = Vec::new();
    let mut at = 0;
    while let Some(name) = tokens.get(at).and_then(Token::word) {
        path.push(name.to_owned());
        at += 1;
        let follows = |at: usize| tokens.get(at).is_some_and(|token| token.is_mark(':'));
        let is_next_a_word = tokens.get(at + 2).is_some_and(|token| token.word().is_some());
        if !(follows(at) && follows(at + 1) && is_next_a_word) {
            break;
        }
        at += 2;
    }
    (path, at)
}

/// Reads a `mod`, and returns how many tokens it has.
fn read_mod<'t>(tokens: &'t [Token], declared: &mut Vec<Declared<'t>>) -> usize {
    let Some(name) = tokens.get(1).and_then(Token::word) else { return 1 };
    declared.push((name.to_owned(), tokens.get(2).and_then(|token| token.group('{'))));
    3
}

/// The name of the item that begins here.
fn defined(tokens: &[Token]) -> Option<&str> {
    let name = |at: usize| tokens.get(at).and_then(Token::word);
    match name(0)? {
        "fn" | "struct" | "enum" | "union" | "trait" | "type" => name(1),
        "const" | "static" => name(1).filter(|word| !matches!(*word, "fn" | "unsafe" | "extern")),
        "macro_rules" => name(2),
        _ => None,
    }
}

/// How many tokens an attribute has, with its item if the item is compiled only for tests.
fn attribute(tokens: &[Token]) -> usize {
    let at = 1 + usize::from(tokens.get(1).is_some_and(|token| token.is_mark('!')));
    let Some(inner) = tokens.get(at).and_then(|token| token.group('[')) else { return 1 };
    let item = &tokens[at + 1..];
    let is_inner = at == 2;
    match (is_for_tests(inner), is_inner) {
        (false, _) => at + 1,
        (true, true) => tokens.len(),
        (true, false) => at + 1 + item_length(item),
    }
}

/// `cfg(test)` and `cfg(all(test, ..))`.
fn is_for_tests(attribute: &[Token]) -> bool {
    let names_test = |tokens: &[Token]| tokens.iter().any(|token| token.word() == Some("test"));
    match attribute {
        [cfg, condition] if cfg.word() == Some("cfg") => {
            condition.group('(').is_some_and(|condition| match condition {
                [all, inner] if all.word() == Some("all") => {
                    inner.group('(').is_some_and(names_test)
                }
                [test] => test.word() == Some("test"),
                _ => false,
            })
        }
        _ => false,
    }
}

/// How many tokens an item has, with further attributes.
fn item_length(tokens: &[Token]) -> usize {
    let is_end = |token: &Token| token.group('{').is_some() || token.is_mark(';');
    tokens.iter().position(is_end).map_or(tokens.len(), |at| at + 1)
}
