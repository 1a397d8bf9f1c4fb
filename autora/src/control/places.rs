//! The places of connections: so many for each kind of client, so that no kind shuts out another.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::{MAX_CLIENTS, MAX_MONITORS, MAX_WAITS};

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Requests that are answered at once. Each connection to the Unix socket begins with it.
    Queries,
    /// The events of one interface, as `autora wait` reads them.
    Wait,
    /// The events of all interfaces, or of selected ones.
    Monitor,
    /// The metrics address.
    Scrapes,
}

/// The places that are left for each purpose.
#[derive(Debug)]
pub(super) struct Places([Arc<Semaphore>; 4]);

/// The place of a connection; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place(Mutex<(Purpose, OwnedSemaphorePermit)>);

/// All places for this purpose are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many {}, at most {}; try again", .0.plural(), .0.limit())]
pub(super) struct Busy(pub(super) Purpose);

impl Purpose {
    const ALL: [Self; 4] = [Self::Queries, Self::Wait, Self::Monitor, Self::Scrapes];

    /// Returns the number of places.
    const fn limit(self) -> usize {
        match self {
            Self::Queries | Self::Scrapes => MAX_CLIENTS,
            Self::Wait => MAX_WAITS,
            Self::Monitor => MAX_MONITORS,
        }
    }

    const fn plural(self) -> &'static str {
        match self {
            Self::Queries | Self::Scrapes => "connections",
            Self::Wait => "waiting clients",
            Self::Monitor => "readers of events",
        }
    }
}

impl Places {
    pub(super) fn new() -> Self {
        Self(Purpose::ALL.map(|purpose| Arc::new(Semaphore::new(purpose.limit()))))
    }

    /// Takes a place for a new connection.
    pub(super) fn take(&self, purpose: Purpose) -> Result<Place, Busy> {
        self.permit(purpose).map(|permit| Place(Mutex::new((purpose, permit))))
    }

    /// Exchanges the place of a connection for one of another purpose. If there is none, it keeps its own.
    pub(super) fn exchange(&self, place: &Place, purpose: Purpose) -> Result<(), Busy> {
        // No code panics while it holds the lock.
        let mut taken = place.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.0 != purpose {
            *taken = (purpose, self.permit(purpose)?);
        }
        Ok(())
    }

    /// Returns the number of places that are taken.
    pub(super) fn taken(&self) -> usize {
        let taken = |purpose: Purpose| purpose.limit() - self.0[purpose as usize].available_permits();
        Purpose::ALL.into_iter().map(taken).sum()
    }

    fn permit(&self, purpose: Purpose) -> Result<OwnedSemaphorePermit, Busy> {
        Arc::clone(&self.0[purpose as usize]).try_acquire_owned().map_err(|_| Busy(purpose))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_of_client_shuts_out_another() {
        let places = Places::new();
        let waits: Vec<_> = (0..MAX_WAITS).map(|_| places.take(Purpose::Wait).unwrap()).collect();
        assert_eq!(places.take(Purpose::Wait).unwrap_err(), Busy(Purpose::Wait));
        let other = places.take(Purpose::Queries).unwrap();
        assert_eq!(places.exchange(&other, Purpose::Wait), Err(Busy(Purpose::Wait)));
        assert_eq!(places.exchange(&other, Purpose::Monitor), Ok(()));
        assert_eq!(places.taken(), MAX_WAITS + 1);
        drop((waits, other));
        assert_eq!(places.taken(), 0);
    }

    #[test]
    fn an_exchanged_place_is_free_again() {
        let places = Places::new();
        let waits: Vec<_> = (0..MAX_WAITS)
            .map(|_| {
                let place = places.take(Purpose::Queries).unwrap();
                places.exchange(&place, Purpose::Wait).unwrap();
                place
            })
            .collect();
        assert_eq!(waits.len(), MAX_WAITS);
        assert_eq!(
            Busy(Purpose::Wait).to_string(),
            format!("too many waiting clients, at most {MAX_WAITS}; try again")
        );
    }
}
