//! What a controller waits for at its start.

use super::*;

#[tokio::test]
async fn a_controller_waits_only_for_its_own_watches() {
    let sync = CacheSync::new();
    let (one, two) =
        (sync.register("a".into(), vec![0], false), sync.register("b".into(), vec![0, 1], false));
    two.set(State::Synced);
    sync.wait(1).await;
    assert_eq!(sync.missing(Some(0)), ["a"]);
    one.set(State::Failing("refused".into()));
    assert_eq!(sync.missing(None), ["a (refused)"]);
    one.set(State::Synced);
    sync.wait(0).await;
    one.set(State::Failing("again".into()));
    assert!(sync.missing(None).is_empty(), "a watch that is reopened delays no controller");
}

#[test]
fn an_optional_kind_that_is_not_served_delays_no_controller() {
    let sync = CacheSync::new();
    sync.register("m".into(), vec![0], true).set(State::NotServed);
    assert!(sync.missing(None).is_empty());
    sync.register("n".into(), vec![0], false).set(State::NotServed);
    assert_eq!(sync.missing(None).len(), 1);
}
