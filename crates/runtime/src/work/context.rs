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
    /// The run succeeded. Only a change starts another run.
    Done,
    /// The operator reports that a person must act: the resource is invalid, withdrawn or stalled.
    /// Only a change starts another run. The metrics count an error of the class `invalid`.
    Stalled,
    /// The run waits for something that may cause no event. It is repeated with back-off, and the
    /// metrics count no error.
    Repeat,
    /// The run failed. It is repeated with back-off: from 1 s for most classes, at least once a
    /// minute for [`Class::Denied`], every 4 to 5 minutes for [`Class::Invalid`].
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

    /// Delays the next try of this resource if the API server sent `Retry-After`.
    pub(crate) fn respect_retry_after(&self, error: &ApiError) {
        if let Some(wait) = error.retry_after() {
            self.engine.retries.record_retry_after(self.key, wait);
        }
    }
}
