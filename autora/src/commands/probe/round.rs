//! The requests and the replies: all interfaces side by side, through one socket.

use std::{collections::HashMap, io, time::Duration};

use rand::{Rng, RngExt};

use super::target::{Sources, Target};
use crate::{
    addr::{IfIndex, LinkLocal},
    diagnosis::guest::{EchoSource, GuestReplies, GuestReply},
    engine::BootInstant,
    sys::{
        clock,
        probe::{EchoReply, ProbeSocket},
    },
};

/// How many interfaces get their requests at a time, and how long the next ones wait, so that the replies find room in
/// the socket.
const BATCH: usize = 64;
const PAUSE: Duration = Duration::from_millis(20);

/// How long to wait for further guests once all have answered that are known. A bridge is waited for to the end.
const SETTLE: Duration = Duration::from_millis(200);

/// How many replies are read before the clock: a guest may send any number.
const READ_AT_ONCE: usize = 1_024;

/// What came of the requests on one interface.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) replies: GuestReplies,
    /// The error of the first request that could not be sent.
    pub(super) error: Option<SendError>,
    /// Whether a request has left.
    pub(super) is_asked: bool,
}

/// A request could not be sent.
#[derive(Debug, thiserror::Error)]
#[error("sending failed")]
pub(super) struct SendError(#[source] pub(super) io::Error);

/// Sends the requests of all targets, and returns what came of each, in their order. `timeout` begins with the last
/// request.
pub(super) fn run(
    socket: &mut ProbeSocket,
    targets: &[Target],
    timeout: Duration,
    random: &mut impl Rng,
) -> io::Result<Vec<Outcome>> {
    let mut round = Round::new(socket, targets, random);
    let mut unsent = targets.iter().enumerate();
    let mut next = clock::now();
    let mut end = next + timeout;
    loop {
        let now = clock::now();
        if unsent.len() > 0 && now >= next {
            unsent.by_ref().take(BATCH).for_each(|(position, target)| round.send(position, target));
            (next, end) = (now + PAUSE, now + timeout);
        }
        round.read(now)?;
        let until = if unsent.len() > 0 { next } else { round.settled().map_or(end, |settled| settled.min(end)) };
        if unsent.len() == 0 && now >= until {
            return Ok(round.outcomes);
        }
        round.socket.wait(until.saturating_since(clock::now()))?;
    }
}

struct Round<'a> {
    socket: &'a mut ProbeSocket,
    targets: &'a [Target],
    positions: HashMap<IfIndex, usize>,
    /// The sequence numbers of the two requests.
    sequences: [u16; 2],
    outcomes: Vec<Outcome>,
    /// When the last reply was read.
    last_reply: BootInstant,
}

impl<'a> Round<'a> {
    fn new(socket: &'a mut ProbeSocket, targets: &'a [Target], random: &mut impl Rng) -> Self {
        let first: u16 = random.random();
        Self {
            socket,
            targets,
            positions: targets.iter().enumerate().map(|(position, target)| (target.index, position)).collect(),
            sequences: [first, first.wrapping_add(random.random_range(1..=u16::MAX))],
            outcomes: targets.iter().map(|_| Outcome::default()).collect(),
            last_reply: clock::now(),
        }
    }

    fn send(&mut self, position: usize, target: &Target) {
        let Ok(Sources { link_local, global, .. }) = target.sources else { return };
        let requests = [global, link_local.get()].into_iter().zip(self.sequences);
        let sent =
            requests.map(|(source, sequence)| self.socket.send(target.index, target.group_mapping, source, sequence));
        let (sent, failed): (Vec<_>, Vec<_>) = sent.partition(Result::is_ok);
        let outcome = &mut self.outcomes[position];
        outcome.is_asked = !sent.is_empty();
        outcome.error = failed.into_iter().find_map(Result::err).map(SendError);
    }

    fn read(&mut self, now: BootInstant) -> io::Result<()> {
        for _ in 0..READ_AT_ONCE {
            let Some(reply) = self.socket.receive()? else { break };
            self.take(&reply, now);
        }
        Ok(())
    }

    /// Takes in a reply, if the interface, the sequence number and the destination are those of a request.
    fn take(&mut self, reply: &EchoReply, now: BootInstant) {
        let Some(&position) = self.positions.get(&reply.index) else { return };
        let Ok(Sources { global, .. }) = self.targets[position].sources else { return };
        let [to_global, to_link_local] = self.sequences;
        let to = match LinkLocal::new(reply.destination) {
            None if reply.sequence == to_global && reply.destination == global => EchoSource::Global,
            Some(_) if reply.sequence == to_link_local => EchoSource::LinkLocal,
            None | Some(_) => return,
        };
        let replies = &mut self.outcomes[position].replies;
        replies.add(GuestReply { to, source: reply.source, link_address: reply.link_address });
        self.last_reply = now;
        if replies.is_full() {
            self.socket.mute(reply.index);
        }
    }

    /// Returns when nothing more is waited for; `None` while answers are missing.
    fn settled(&self) -> Option<BootInstant> {
        let is_settled = |(target, outcome): (&Target, &Outcome)| {
            let Outcome { replies, error, .. } = outcome;
            let is_complete = replies.is_complete() && !target.has_ports;
            target.sources.is_err() || error.is_some() || replies.is_full() || is_complete
        };
        let all = self.targets.iter().zip(&self.outcomes).all(is_settled);
        all.then(|| self.last_reply + SETTLE)
    }
}
