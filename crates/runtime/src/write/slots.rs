//! Limits the requests at one time: with HTTP/1.1 each needs a connection. One namespace has at
//! most half of them, so that what is slow there delays no other namespace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::memory::{Shrink as _, lock};

/// With more namespaces than this, those without a request are forgotten.
const MAX_NAMESPACES: usize = 64;

/// The places for requests.
pub(crate) struct Slots {
    max: usize,
    all: Arc<Semaphore>,
    namespaces: Mutex<HashMap<Box<str>, Arc<Semaphore>>>,
}

/// The place of one request. The place is free when this value is dropped.
pub(crate) struct Slot {
    _namespace: Option<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

impl Slots {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, all: Arc::new(Semaphore::new(max)), namespaces: Mutex::default() }
    }

    /// Waits for a place for a request in this namespace, or for one that concerns no namespace.
    ///
    /// # Errors
    /// Never: the semaphores are not closed.
    pub(crate) async fn acquire(&self, namespace: Option<&str>) -> Result<Slot, AcquireError> {
        // First the place in the namespace: who waits for it must not hold a place of all.
        let in_namespace = match namespace {
            Some(namespace) => Some(self.namespace(namespace).acquire_owned().await?),
            None => None,
        };
        let all = Arc::clone(&self.all).acquire_owned().await?;
        Ok(Slot { _namespace: in_namespace, _all: all })
    }

    fn namespace(&self, name: &str) -> Arc<Semaphore> {
        let mut namespaces = lock(&self.namespaces);
        if let Some(known) = namespaces.get(name) {
            return Arc::clone(known);
        }
        if namespaces.len() >= MAX_NAMESPACES {
            namespaces.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
            namespaces.shrink_if_sparse();
        }
        let new = Arc::new(Semaphore::new((self.max / 2).max(1)));
        namespaces.insert(name.into(), Arc::clone(&new));
        new
    }

    /// The number of namespaces that are remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        lock(&self.namespaces).len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_namespace_holds_at_most_half_of_the_requests() {
        let slots = Slots::new(4);
        let take = |namespace| slots.acquire(Some(namespace)).now_or_never();
        let first = take("slow").unwrap();
        let _second = take("slow").unwrap();
        assert!(take("slow").is_none(), "half is in use");
        let waiting = slots.acquire(Some("slow"));
        let mut waiting = std::pin::pin!(waiting);
        assert!((&mut waiting).now_or_never().is_none());
        let _others = (take("quick").unwrap(), slots.acquire(None).now_or_never().unwrap());
        assert!(take("quick").is_none(), "all are in use");
        drop(first);
        assert!(waiting.now_or_never().is_some(), "the place is free again");
    }

    #[tokio::test]
    async fn namespaces_without_a_request_are_forgotten() {
        let slots = Slots::new(4);
        let _kept = slots.acquire(Some("kept")).await.unwrap();
        for number in 0..1000 {
            drop(slots.acquire(Some(&number.to_string())).await.unwrap());
        }
        assert!(slots.remembered() <= MAX_NAMESPACES, "{}", slots.remembered());
        assert!(lock(&slots.namespaces).contains_key("kept"));
    }
}
