//! One watch that feeds several.

use crate::error::ApiError;
use crate::reflector::{Sink, guarded};

/// Every event goes to all of them; a panic in one is no matter of the others.
#[derive(Default)]
pub(crate) struct Shared(Vec<Box<dyn Sink>>);

impl Shared {
    pub(crate) fn of(sink: Box<dyn Sink>) -> Self {
        Self(vec![sink])
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn each(&mut self, handle: impl Fn(&mut dyn Sink) -> Option<u64>) -> Option<u64> {
        self.0.iter_mut().fold(None, |version, sink| guarded(&mut **sink, &handle).or(version))
    }
}

impl Sink for Shared {
    fn listing(&mut self) {
        self.0.iter_mut().for_each(|sink| sink.listing());
    }

    fn upsert(&mut self, json: &[u8]) -> Option<u64> {
        self.each(|sink| sink.upsert(json))
    }

    fn delete(&mut self, json: &[u8]) -> Option<u64> {
        self.each(|sink| sink.delete(json))
    }

    fn listed(&mut self, version: u64) {
        self.0.iter_mut().for_each(|sink| sink.listed(version));
    }

    fn opened(&mut self) {
        self.0.iter_mut().for_each(|sink| sink.opened());
    }

    fn panicked(&mut self) {
        self.0.iter_mut().for_each(|sink| sink.panicked());
    }

    fn failed(&mut self, error: &ApiError) {
        self.0.iter_mut().for_each(|sink| sink.failed(error));
    }
}
