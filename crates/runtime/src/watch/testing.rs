//! Feeds for the tests of other modules.

use std::sync::Arc;

use serde_json::Value;

use super::children::Children;
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
    let token = engine.sync.register("pages".to_owned(), "Page".to_owned(), vec![0], false, false);
    ResourceFeed(Feed::new(Arc::clone(engine), collection, token, Resources(0)))
}

/// A feed of the first kind that the first controller owns.
pub(crate) fn child_feed(engine: &Arc<Engine>) -> ResourceFeed {
    let cache = &engine.controller(0).children[0];
    let collection = Collection::new(cache.kind.clone(), Form::Full);
    let kind = cache.kind.kind.to_string();
    let token = engine.sync.register("children".to_owned(), kind, vec![0], false, false);
    let store = Children::new(Arc::clone(cache));
    ResourceFeed(Feed::new(Arc::clone(engine), collection, token, store))
}

/// Sends a list without an object.
pub(crate) fn list_nothing(feed: &mut ResourceFeed) {
    feed.0.handle(Event::ListStarted);
    feed.0.handle(Event::Listed(1));
}

pub(crate) fn upsert_resource(feed: &mut ResourceFeed, resource: &Value) {
    feed.0.handle(Event::Upsert(resource.to_string().as_bytes()));
}

pub(crate) fn delete_resource(feed: &mut ResourceFeed, resource: &Value) {
    feed.0.handle(Event::Delete(resource.to_string().as_bytes()));
}
