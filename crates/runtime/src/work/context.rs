//! What one run works with, and how a run can end.

use std::sync::Arc;

use kubewright_core::Class;
use kubewright_core::internals::complete::owner_of;
use kubewright_core::internals::owner::Owner;

use crate::cache::resources::Resource;
use crate::engine::{ControllerState, Engine};
use crate::error::ApiError;
use crate::key::WorkKey;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunOutcome {
    /// Nothing to do until something changes.
    Done,
    /// The operator reports that the resource cannot work before something changes.
    AwaitingChange,
    /// The run waits for something that may cause no event: it is repeated later.
    Waiting,
    /// The run failed. The class decides when it is repeated.
    Failed(Class),
}

/// The context of one run.
pub(crate) struct RunContext<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) controller: &'a ControllerState,
    pub(crate) key: &'a WorkKey,
    pub(crate) resource: Arc<Resource>,
    pub(crate) owner: Owner,
}

impl<'a> RunContext<'a> {
    pub(crate) fn new(engine: &'a Engine, key: &'a WorkKey, resource: Arc<Resource>) -> Self {
        let controller = engine.controller(key.controller);
        let owner = owner_of(controller.kind.clone(), &*resource.object);
        Self { engine, controller, key, resource, owner }
    }

    /// Delays the next try of this resource if the API server asked for that.
    pub(crate) fn respect_retry_after(&self, error: &ApiError) {
        if let Some(wait) = error.retry_after() {
            self.engine.retries.hold(self.key, wait);
        }
    }
}
