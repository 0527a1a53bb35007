//! The API reference of a small program: snapshots, and checks of all links.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use kubewright_manifests::{Artifact, Options, reference};
use mall::registry;

fn pages() -> Vec<Artifact> {
    reference(&registry(), &Options::default()).unwrap()
}

fn page(path: &str) -> String {
    pages()
        .into_iter()
        .find(|page| page.path == path)
        .unwrap_or_else(|| panic!("{path} is missing"))
        .content
}

#[test]
fn page_of_a_namespaced_kind() {
    insta::assert_snapshot!(page("docs/api/example.dev_shops.md"));
}

#[test]
fn page_of_a_cluster_scoped_kind() {
    insta::assert_snapshot!(page("docs/api/example.dev_regions.md"));
}

#[test]
fn the_index_links_every_kind_to_its_page() {
    insta::assert_snapshot!(page("docs/api/README.md"));
}

#[test]
fn every_anchor_link_has_a_heading_on_the_page() {
    for file in pages() {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut anchors = Vec::new();
        for heading in file.content.lines().filter(|line| line.starts_with('#')) {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            let anchor: String = text
                .chars()
                .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            let count = seen.entry(anchor.clone()).and_modify(|n| *n += 1).or_insert(0);
            anchors.push(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
        }
        for link in file.content.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            assert!(
                anchors.iter().any(|anchor| anchor == link),
                "{}: {link} is not one of {anchors:?}",
                file.path
            );
        }
    }
}

#[test]
fn every_file_link_points_to_a_generated_file() {
    let all = kubewright_manifests::artifacts(&registry(), &Options::default()).unwrap();
    let mut count = 0;
    for file in pages() {
        for link in file
            .content
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap())
            .filter(|l| !l.starts_with('#'))
        {
            let path = link
                .strip_prefix("../../")
                .map_or_else(|| format!("docs/api/{link}"), str::to_owned);
            assert!(
                all.iter().any(|file| file.path == path),
                "{}: {link} is not generated",
                file.path
            );
            count += 1;
        }
    }
    assert!(count >= 3, "{count} links");
}
