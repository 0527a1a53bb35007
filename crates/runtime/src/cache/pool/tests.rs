//! Shared values.

use super::*;

fn get(pool: &Pool<str>, hash: u64, value: &str) -> Arc<str> {
    pool.share(hash, value.into(), |a, b| a == b)
}

#[test]
fn equal_values_are_shared_while_one_of_them_is_held() {
    let pool = Pool::default();
    let (one, two) = (get(&pool, 1, "a"), get(&pool, 1, "a"));
    assert!(Arc::ptr_eq(&one, &two));
    drop((one, two));
    let again = get(&pool, 1, "a");
    assert!(Arc::ptr_eq(&again, &get(&pool, 1, "a")));
}

#[test]
fn values_with_a_hash_collision_are_not_shared() {
    let pool = Pool::default();
    let (one, two) = (get(&pool, 1, "a"), get(&pool, 1, "b"));
    assert_eq!((&*one, &*two), ("a", "b"));
}

#[test]
fn dropped_values_leave_the_pool() {
    let pool = Pool::default();
    let held: Vec<_> = (0..10).map(|hash| get(&pool, hash, "held")).collect();
    for hash in 10..10 * SMALL as u64 {
        get(&pool, hash, "dropped");
    }
    assert!(pool.0.lock().is_ok_and(|state| state.values.len() <= SMALL + 1));
    assert!(Arc::ptr_eq(&held[3], &get(&pool, 3, "held")));
}
