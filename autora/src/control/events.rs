//! From the event loop to the clients that listen. While there are none, no event is rendered.

use std::sync::{Arc, OnceLock};

use tokio::sync::broadcast;

use super::{event::Event, limits::BACKLOG, model::EventLine, render};
use crate::sys::clock;

/// Where events go. The ring for them is only made when the first client listens.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<OnceLock<broadcast::Sender<Arc<EventLine>>>>);

/// Where they come out.
pub type Listener = broadcast::Receiver<Arc<EventLine>>;

impl Events {
    /// Listens to everything that happens from now on.
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

    /// Publishes `event` to the clients that listen; renders it only if there are any.
    pub fn publish(&self, event: &Event<'_>) {
        if let Some(events) = self.listened_to() {
            // The last listener may have gone this moment.
            drop(events.send(Arc::new(render::event(event, clock::wall()))));
        }
    }
}
