//! What happens, for whoever listens. While nobody does, no event is made.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::broadcast;

use super::limits::BACKLOG;
use crate::{
    addr::IfIndex,
    engine::action::{Cause, Report, StateChange, Transmission},
    sys::{
        clock,
        filter::{Counters, ForeignRouter},
    },
};

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When, as the time since 1970.
    pub at: Duration,
    /// Where; nowhere in particular if it concerns the whole daemon.
    pub place: Option<InterfaceRef>,
    /// What.
    pub what: EventKind,
}

/// An interface.
#[derive(Clone, Debug)]
pub struct InterfaceRef {
    /// Its index.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// A change of state.
    Changed(StateChange),
    /// An advertisement left.
    Sent {
        /// Why, and what.
        send: Box<Transmission>,
        /// When the next one is due.
        next_in: Option<Duration>,
    },
    /// One did not leave.
    SendFailed {
        /// Why it should have.
        cause: Cause,
        /// Why it did not.
        error: String,
        /// How many in a row.
        failures: u32,
    },
    /// A solicitation will be answered.
    Solicited {
        /// In how much time.
        answer_in: Duration,
    },
    /// What packets were dropped as, in about a second.
    Dropped(Counters),
    /// Another router advertises.
    ForeignRouter(ForeignRouter),
    /// The daemon begins to stop.
    Stopping,
}

/// Where events go. The ring for them is only made when somebody listens for the first time.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<OnceLock<broadcast::Sender<Arc<Event>>>>);

/// Where they come out.
pub type Listener = broadcast::Receiver<Arc<Event>>;

impl Events {
    /// Listens to everything that happens from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        self.0.get_or_init(|| broadcast::Sender::new(BACKLOG)).subscribe()
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        self.listened_to().is_some()
    }

    fn listened_to(&self) -> Option<&broadcast::Sender<Arc<Event>>> {
        self.0.get().filter(|events| events.receiver_count() > 0)
    }

    /// Tells whoever listens; makes the event only if somebody does.
    pub fn tell(&self, event: impl FnOnce() -> (Option<InterfaceRef>, EventKind)) {
        if let Some(events) = self.listened_to() {
            let (place, what) = event();
            // The last listener may have gone this moment.
            drop(events.send(Arc::new(Event { at: clock::wall(), place, what })));
        }
    }

    /// Tells of a change of state.
    pub fn changed(&self, report: &Report) {
        self.tell(|| {
            let Report { index, name, change } = report.clone();
            (Some(InterfaceRef { index, name }), EventKind::Changed(change))
        });
    }
}
