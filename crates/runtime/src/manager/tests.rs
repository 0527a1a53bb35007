//! What several operators declare about one kind.

use std::time::Duration;

use kubewright_core::Registry;

use super::*;
use crate::testing::{self, Pages, Sites};
use crate::watches::read_kinds;

/// What operators own and read: kinds, and whether each is optional.
fn declared(registry: &Registry) -> [Vec<(String, bool)>; 2] {
    let (_, children) = running(registry);
    let engine = testing::engine(registry, testing::api("test", |_| std::future::pending()));
    let owned = children.iter().map(|cache| (cache.kind.to_string(), cache.optional)).collect();
    let read =
        read_kinds(&engine).iter().map(|read| (read.info.to_string(), read.optional)).collect();
    [owned, read]
}

fn of(optional: [bool; 2]) -> [Vec<(String, bool)>; 2] {
    [vec![("ConfigMap".to_owned(), optional[0])], vec![("Namespace".to_owned(), optional[1])]]
}

#[tokio::test]
async fn a_kind_that_one_operator_cannot_do_without_is_not_optional_whoever_comes_first() {
    assert_eq!(declared(&Registry::new("test").with(Pages)), of([false, true]));
    assert_eq!(declared(&Registry::new("test").with(Sites)), of([true, false]));
    assert_eq!(declared(&Registry::new("test").with(Pages).with(Sites)), of([false, false]));
    assert_eq!(declared(&Registry::new("test").with(Sites).with(Pages)), of([false, false]));
}

#[tokio::test]
async fn no_time_between_two_looks_at_everything_is_never_and_not_all_the_time() {
    let engine = testing::engine(
        &Registry::new("test").with(Pages),
        testing::api("test", |_| std::future::pending()),
    );
    let never =
        tokio::time::timeout(Duration::from_secs(1), engine.resync(0, Duration::ZERO)).await;
    assert!(never.is_ok(), "it goes on and on");
}
