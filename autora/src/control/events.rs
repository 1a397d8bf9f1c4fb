//! The broadcast of events from the event loop to clients. Without a client no event is rendered.

use std::sync::{Arc, OnceLock};

use tokio::sync::broadcast;

use super::{event::Event, limits::BACKLOG, model::EventLine, render};
use crate::sys::clock;

/// The sending end. Its ring is allocated when the first client listens.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<OnceLock<broadcast::Sender<Arc<EventLine>>>>);

/// The receiving end, one for each client.
pub type Listener = broadcast::Receiver<Arc<EventLine>>;

impl Events {
    /// Returns a listener to all events from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        self.0.get_or_init(|| broadcast::Sender::new(BACKLOG)).subscribe()
    }

    /// Returns whether a client listens.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        self.listened_to().is_some()
    }

    fn listened_to(&self) -> Option<&broadcast::Sender<Arc<EventLine>>> {
        self.0.get().filter(|events| events.receiver_count() > 0)
    }

    /// Renders `event` and sends it to the clients that listen, if there are any.
    pub fn publish(&self, event: &Event<'_>) {
        if let Some(events) = self.listened_to() {
            // An error means that the last client has just disconnected.
            drop(events.send(Arc::new(render::event(event, clock::wall()))));
        }
    }
}
