//! The example in `examples/hello` as the README shows it, without a cluster.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use tests::hello::{cargo, readme_block, source, write_copy};

#[test]
fn the_operator_in_the_readme_is_that_of_the_example() {
    let source = source();
    assert!(source.contains(&readme_block("rust")));
    let readme = include_str!("../../README.md");
    let lines = source.lines().count();
    assert!(readme.contains(&format!("in {lines} lines")), "the example has {lines} lines");
    assert!(lines <= 60, "{lines}");
}

#[test]
fn without_a_kubernetes_version_the_compiler_says_to_enable_one() {
    let folder = tempfile::tempdir().unwrap();
    let without = |manifest: String| manifest.replace(", features = [\"v1_33\"]", "");
    write_copy(folder.path(), without, &source());
    let output = cargo(&["check", "--package", "k8s-openapi"], folder.path());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{errors}");
    let said = "None of the v1_* features are enabled on the k8s-openapi crate.";
    assert!(errors.contains(said), "{errors}");
    assert!(errors.contains("enable the corresponding feature"), "{errors}");
}
