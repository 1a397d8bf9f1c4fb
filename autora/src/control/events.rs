//! What happens, for whoever listens. While nobody does, no event is made.

use std::{sync::Arc, time::Duration};

use tokio::sync::broadcast;

use super::limits::BACKLOG;
use crate::{
    addr::IfIndex,
    engine::{
        advertiser::Cause,
        fleet::{Change, Report, Send},
    },
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
    pub place: Option<Place>,
    /// What.
    pub what: Happening,
}

/// An interface.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its index.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A change of state.
    Changed(Change),
    /// An advertisement left.
    Sent {
        /// Why, and what.
        send: Box<Send>,
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

/// Where events go.
#[derive(Clone, Debug)]
pub struct Events(broadcast::Sender<Arc<Event>>);

/// Where they come out.
pub type Listener = broadcast::Receiver<Arc<Event>>;

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Events {
    /// Listens to everything that happens from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        self.0.subscribe()
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Tells whoever listens; makes the event only if somebody does.
    pub fn tell(&self, event: impl FnOnce() -> (Option<Place>, Happening)) {
        if self.are_wanted() {
            let (place, what) = event();
            // The last listener may have gone this moment.
            drop(self.0.send(Arc::new(Event { at: clock::wall(), place, what })));
        }
    }

    /// Tells of a change of state.
    pub fn changed(&self, report: &Report) {
        self.tell(|| {
            let Report { index, name, change } = report.clone();
            (Some(Place { index, name }), Happening::Changed(change))
        });
    }
}
