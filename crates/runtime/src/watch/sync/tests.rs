//! What a controller waits for at its start, and when a cache is stale.

use super::*;

fn register(sync: &Arc<CacheSync>, name: &str, controllers: Vec<usize>, optional: bool) -> Token {
    sync.register(name.to_owned(), "Kind".to_owned(), controllers, optional, false)
}

#[tokio::test]
async fn a_controller_waits_only_for_its_own_watches() {
    let sync = CacheSync::new();
    let (one, two) =
        (register(&sync, "a", vec![0], false), register(&sync, "b", vec![0, 1], false));
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
    register(&sync, "m", vec![0], true).set(State::NotServed);
    assert!(sync.missing(None).is_empty());
    register(&sync, "n", vec![0], false).set(State::NotServed);
    assert_eq!(sync.missing(None).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cache_whose_watch_fails_for_longer_than_two_minutes_is_stale() {
    let sync = CacheSync::new();
    let token = register(&sync, "a", vec![0], false);
    register(&sync, "b", vec![1], false).set(State::Synced);
    let fail = || token.set(State::Failing("refused".into()));
    fail();
    tokio::time::sleep(2 * STALE).await;
    assert_eq!(sync.stale(0), None, "it was never filled, so nothing is decided from it");
    token.set(State::Synced);
    for _ in 0..4 {
        fail();
        tokio::time::sleep(STALE / 4).await;
    }
    assert!(sync.missing(None).is_empty(), "an API server may restart");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((sync.stale(0).as_deref(), sync.stale(1)), (Some("a"), None));
    assert_eq!(sync.missing(None), ["a (not up to date for 130 s: refused)"]);
    let age = sync.ages().into_iter().map(|(_, age)| age).max();
    assert_eq!(age, Some(Duration::from_secs(130)));
    token.set(State::Synced);
    assert!(sync.missing(None).is_empty() && sync.stale(0).is_none());
}

#[tokio::test]
async fn a_kind_that_builds_look_up_and_that_has_no_definition_delays_no_controller() {
    let sync = CacheSync::new();
    let read = |name: &str| sync.register(name.to_owned(), "Kind".to_owned(), vec![0], false, true);
    let (known, unknown) = (read("known"), read("unknown"));
    assert_eq!(sync.undefined(0), None);
    known.set(State::Synced);
    known.set(State::NotServed);
    unknown.set(State::NotServed);
    sync.wait(0).await;
    assert_eq!(sync.missing(None).len(), 2, "/readyz names them");
    let undefined = |name: &str, was_synced| Some(Undefined { name: name.to_owned(), was_synced });
    assert_eq!(sync.undefined(0), undefined("unknown", false));
    assert_eq!(sync.undefined(1), None, "another controller");
    unknown.set(State::Synced);
    assert_eq!(sync.undefined(0), undefined("known", true));
}
