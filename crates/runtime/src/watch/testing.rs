//! Feeds for the tests of other modules.

use std::sync::Arc;

use serde_json::Value;

use super::collection::Collection;
use super::feed::Feed;
use super::reflector::{Event, Sink as _};
use super::resources::Resources;
use crate::engine::Engine;
use crate::write::api::Form;

/// A feed of the resources of the first controller.
pub(crate) struct ResourceFeed(Feed);

pub(crate) fn resource_feed(engine: &Arc<Engine>) -> ResourceFeed {
    let collection = Collection::new(engine.controller(0).kind.clone(), Form::Full);
    let token = engine.sync.register("pages".to_owned(), vec![0], false);
    ResourceFeed(Feed::new(Arc::clone(engine), collection, token, Resources(0)))
}

pub(crate) fn upsert_resource(feed: &mut ResourceFeed, resource: &Value) {
    feed.0.handle(Event::Upsert(resource.to_string().as_bytes()));
}

pub(crate) fn delete_resource(feed: &mut ResourceFeed, resource: &Value) {
    feed.0.handle(Event::Delete(resource.to_string().as_bytes()));
}
