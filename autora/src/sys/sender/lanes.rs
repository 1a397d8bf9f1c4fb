//! The sending sockets. An interface whose queue does not drain takes no room from any other.
//!
//! ```text
//!   an RA of an interface       goes through     waits in the queue: the interface becomes a suspect
//!   ---------------------       ------------
//!   (no suspect)                a first lane     so first lanes hold one RA of an interface at most
//!   suspect, no RA waits that   a second lane    leaves at once: no suspect any more, for queues keep the
//!   is known of                                  order, and what was sent before has left or was dropped
//!   suspect, an RA waits        none             until a packet of that second lane is gone
//! ```
//!
//! A lane does not tell *which* packet is gone, so each suspect that waits on it may then try once.

use std::{collections::HashMap, io};

use socket2::Socket;

use super::lane::{DepartedCount, Lane, Outcome};
use crate::{
    addr::IfIndex,
    engine::{BootInstant, rfc4861::MIN_DELAY_BETWEEN_RAS},
};

/// The error of an RA that is not sent, because the one before it still waits.
const WAITS: &str = "the RA before it still waits in the interface's queue (qdisc)";

/// The sockets of one path.
#[derive(Debug)]
pub(super) struct Lanes {
    first: Vec<Lane>,
    second: Vec<Lane>,
    suspects: HashMap<IfIndex, Suspect>,
}

/// An interface whose last RA did not leave at once.
#[derive(Debug, Default)]
struct Suspect {
    /// The second lane that its last RA waits on, and the departures of that lane then.
    waits: Option<(usize, DepartedCount)>,
    /// Whether an RA was not sent since, because of the one that waits.
    failing: bool,
    /// The earliest instant of the next RA after one that was reported as failed, and may leave yet.
    floor: Option<BootInstant>,
}

impl Lanes {
    pub(super) fn new(first: Vec<Lane>, second: Vec<Lane>) -> Self {
        Self { first, second, suspects: HashMap::new() }
    }

    /// Returns whether `count` RAs of interfaces that are no suspects can be sent.
    pub(super) fn has_room(&mut self, count: usize) -> bool {
        self.first.iter_mut().any(|lane| lane.has_room(count))
    }

    /// Returns whether the last RA of an interface did not leave at once.
    pub(super) fn suspects(&self, index: IfIndex) -> bool {
        self.suspects.contains_key(&index)
    }

    /// Sends an RA on each of `indices`, none of which is a suspect, by calling `send` with a socket. If some wait, the
    /// kernel does not tell which, and all become suspects.
    pub(super) fn send_all(
        &mut self,
        indices: impl ExactSizeIterator<Item = IfIndex>,
        send: impl FnOnce(&Socket) -> Vec<io::Result<()>>,
    ) -> Vec<io::Result<()>> {
        let count = indices.len();
        let Some(lane) = self.first.iter_mut().find_map(|lane| lane.has_room(count).then_some(lane)) else {
            return indices.map(|_| Err(io::ErrorKind::WouldBlock.into())).collect();
        };
        let (done, outcome) = lane.send_all(send);
        if outcome == Outcome::Waits {
            let accepted = indices.zip(&done).filter(|(_, done)| done.is_ok());
            self.suspects.extend(accepted.map(|(index, _)| (index, Suspect::default())));
        }
        done
    }

    /// Sends one RA on the interface by calling `send` with a socket.
    ///
    /// # Errors
    ///
    /// The error of `send`; [`io::ErrorKind::ResourceBusy`] if an earlier RA of the interface has not left;
    /// [`io::ErrorKind::WouldBlock`] if no lane has room.
    pub(super) fn send(
        &mut self,
        index: IfIndex,
        now: BootInstant,
        send: impl FnOnce(&Socket) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.suspects.remove(&index) {
            None => self.send_first(index, send),
            Some(mut suspect) => {
                let outcome = self.send_again(&mut suspect, now, send);
                if !matches!(outcome, Ok(Outcome::Left)) {
                    suspect.failing |= outcome.is_err();
                    self.suspects.insert(index, suspect);
                }
                outcome.map(drop)
            }
        }
    }

    fn send_first(&mut self, index: IfIndex, send: impl FnOnce(&Socket) -> io::Result<()>) -> io::Result<()> {
        let lane = self.first.iter_mut().find_map(|lane| lane.has_room(1).then_some(lane));
        let lane = lane.ok_or(io::ErrorKind::WouldBlock)?;
        if lane.send(send)? == Outcome::Waits {
            self.suspects.insert(index, Suspect::default());
        }
        Ok(())
    }

    fn send_again(
        &mut self,
        suspect: &mut Suspect,
        now: BootInstant,
        send: impl FnOnce(&Socket) -> io::Result<()>,
    ) -> io::Result<Outcome> {
        let (number, lane) = self.free_lane(suspect, now).ok_or_else(waits)?;
        let outcome = lane.send(send)?;
        if outcome == Outcome::Waits {
            suspect.waits = Some((number, lane.departures()));
            // It was reported as failed and is again, but guests may get it yet.
            if suspect.failing {
                suspect.floor = Some(now + MIN_DELAY_BETWEEN_RAS);
                return Err(waits());
            }
        }
        Ok(outcome)
    }

    /// Returns a second lane with room, unless an RA of the suspect may still wait on one.
    fn free_lane(&mut self, suspect: &Suspect, now: BootInstant) -> Option<(usize, &mut Lane)> {
        let still_waits = suspect.waits.is_some_and(|(number, then)| self.second[number].departures() == then);
        if still_waits || suspect.floor.is_some_and(|floor| floor > now) {
            return None;
        }
        self.second.iter_mut().enumerate().find_map(|(number, lane)| lane.has_room(1).then_some((number, lane)))
    }

    /// Forgets an interface that is gone.
    pub(super) fn forget(&mut self, index: IfIndex) {
        self.suspects.remove(&index);
    }
}

fn waits() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, WAITS)
}

#[cfg(test)]
mod tests;
