//! The queue with workers that wait, in simulated time.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use kubewright_core::ObjectKey;

use super::*;

fn key(name: &str) -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("ns", name) }
}

async fn now(queue: &Queue) -> Option<WorkKey> {
    tokio::time::timeout(Duration::from_millis(1), queue.next())
        .await
        .ok()
        .flatten()
        .map(|item| item.key)
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_added_during_its_run_runs_again_afterwards() {
    let queue = Queue::default();
    queue.add(key("a"), Priority::Change);
    let running = now(&queue).await.unwrap();
    queue.add(key("a"), Priority::Change);
    assert_eq!(now(&queue).await, None, "a key never runs twice at a time");
    queue.done(&running);
    assert_eq!(now(&queue).await, Some(key("a")));
    queue.done(&running);
    assert_eq!(now(&queue).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_must_run_again_wakes_a_sleeping_worker() {
    let queue = Arc::new(Queue::default());
    queue.add(key("a"), Priority::Change);
    let running = now(&queue).await.unwrap();
    let sleeper = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { queue.next().await }
    });
    tokio::task::yield_now().await;
    queue.add(key("a"), Priority::Change);
    tokio::task::yield_now().await;
    queue.done(&running);
    let item =
        tokio::time::timeout(Duration::from_secs(1), sleeper).await.unwrap().unwrap().unwrap();
    assert_eq!(item.key, key("a"));
}

#[tokio::test(start_paused = true)]
async fn sleeping_workers_wake_exactly_at_the_end_of_each_delay() {
    let queue = Arc::new(Queue::default());
    let start = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let queue = Arc::clone(&queue);
        workers.spawn(async move { queue.next().await.map(|item| (start.elapsed(), item.waited)) });
    }
    tokio::task::yield_now().await;
    let millis = [7_001, 12, 350, 90, 40_000].map(Duration::from_millis);
    for (number, delay) in millis.into_iter().enumerate() {
        queue.add_after(key(&number.to_string()), delay);
        tokio::task::yield_now().await;
    }
    let mut woken: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    woken.sort();
    for ((at, lag), delay) in
        woken.into_iter().zip([12, 90, 350, 7_001, 40_000].map(Duration::from_millis))
    {
        let late = at.checked_sub(delay).unwrap();
        assert!(
            late < Duration::from_millis(10) && late == lag,
            "{late:?} after {delay:?}, and it says {lag:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_ends_while_all_work_is_seen_by_the_first_who_is_done() {
    let queue = Queue::default();
    queue.add(key("a"), Priority::Change);
    queue.add_after(key("b"), Duration::from_secs(1));
    let running = now(&queue).await.unwrap();
    tokio::time::advance(Duration::from_secs(3)).await;
    queue.done(&running);
    let item = queue.next().await.unwrap();
    assert_eq!((item.key, item.priority), (key("b"), Priority::Sweep));
    assert!(item.waited >= Duration::from_secs(2), "{:?} since it was due", item.waited);
}

#[tokio::test(start_paused = true)]
async fn the_earliest_delay_counts_and_a_run_before_it_replaces_the_planned_one() {
    let queue = Queue::default();
    let start = Instant::now();
    queue.add_after(key("a"), Duration::from_secs(9));
    queue.add_after(key("a"), Duration::from_secs(3));
    queue.add_after(key("a"), Duration::from_secs(6));
    assert_eq!(queue.next().await.map(|item| item.key), Some(key("a")));
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    queue.done(&key("a"));
    queue.add_after(key("a"), Duration::from_secs(9));
    queue.add(key("a"), Priority::Change);
    assert_eq!(now(&queue).await, Some(key("a")));
    queue.done(&key("a"));
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(now(&queue).await, None, "the run replaced the planned one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_worker_sleeps_while_a_key_waits() {
    let (queue, together) = (Arc::new(Queue::default()), Arc::new(tokio::sync::Barrier::new(3)));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (queue, together) = (Arc::clone(&queue), Arc::clone(&together));
        workers.spawn(async move {
            while let Some(item) = queue.next().await {
                // The barrier opens only if each worker has one of the two keys.
                together.wait().await;
                queue.done(&item.key);
            }
        });
    }
    for round in 0..1_000 {
        queue.add(key("a"), Priority::Change);
        queue.add(key("b"), Priority::Change);
        let both = tokio::time::timeout(Duration::from_secs(30), together.wait()).await;
        assert!(both.is_ok(), "a worker sleeps while a key waits, in round {round}");
    }
    queue.close();
    workers.join_all().await;
}

#[tokio::test(start_paused = true)]
async fn every_worker_sees_that_the_queue_is_closed() {
    let queue = Arc::new(Queue::default());
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.next().await })
        })
        .collect();
    tokio::task::yield_now().await;
    queue.close();
    for worker in workers {
        assert_eq!(worker.await.unwrap(), None);
    }
}
