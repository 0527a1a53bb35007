//! Files and their imports as a graph, and the circles in it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A file imports something that another file defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// The index of the file that imports.
    pub(super) from: usize,
    /// The index of the file that defines.
    pub(super) to: usize,
    /// The line of the import.
    pub(super) line: usize,
}

/// Files that import each other.
#[derive(Debug)]
pub(super) struct Circle {
    /// A shortest way around.
    pub(super) imports: Vec<Import>,
    /// All files that can be reached from each other.
    pub(super) files: BTreeSet<usize>,
}

/// The first import of each pair of files.
pub(super) struct Graph(BTreeMap<usize, BTreeMap<usize, Import>>);

impl Graph {
    pub(super) fn new(imports: Vec<Import>) -> Self {
        let mut graph: BTreeMap<usize, BTreeMap<usize, Import>> = BTreeMap::new();
        for import in imports {
            graph.entry(import.from).or_default().entry(import.to).or_insert(import);
        }
        Self(graph)
    }

    /// One circle for each set of files that import each other.
    pub(super) fn circles(&self) -> Vec<Circle> {
        let mut circles: Vec<Circle> = Vec::new();
        for &start in self.0.keys() {
            if circles.iter().any(|circle| circle.files.contains(&start)) {
                continue;
            }
            let reached = self.reachable(start);
            if !reached.contains(&start) {
                continue;
            }
            let is_back = |file: &usize| self.reachable(*file).contains(&start);
            let files: BTreeSet<usize> = reached.into_iter().filter(is_back).collect();
            let ways = files.iter().filter_map(|file| self.way_around(*file));
            circles.extend(ways.min_by_key(Vec::len).map(|imports| Circle { imports, files }));
        }
        circles
    }

    fn imports_of(&self, file: usize) -> impl Iterator<Item = &Import> {
        self.0.get(&file).into_iter().flat_map(BTreeMap::values)
    }

    fn reachable(&self, start: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut next = vec![start];
        while let Some(file) = next.pop() {
            next.extend(
                self.imports_of(file).map(|import| import.to).filter(|to| reached.insert(*to)),
            );
        }
        reached
    }

    /// A shortest way from a file back to itself.
    fn way_around(&self, start: usize) -> Option<Vec<Import>> {
        let mut came_by: BTreeMap<usize, Import> = BTreeMap::new();
        let mut next = VecDeque::from([start]);
        while let Some(file) = next.pop_front() {
            for import in self.imports_of(file) {
                if came_by.contains_key(&import.to) {
                    continue;
                }
                came_by.insert(import.to, *import);
                next.push_back(import.to);
            }
        }
        let mut way = vec![*came_by.get(&start)?];
        while way[way.len() - 1].from != start {
            way.push(*came_by.get(&way[way.len() - 1].from)?);
        }
        way.reverse();
        Some(way)
    }
}
