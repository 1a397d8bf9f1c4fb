//! One daemon after another: how each ends, and what the next one finds.

use std::time::Duration;

use autora::engine::{Fleet, eligibility::Policy};
use rand::{RngExt, rngs::StdRng};
use regex::Regex;

use crate::{
    agenda::Event,
    chance::any_scale,
    disk::Attended,
    driver::{News, Simulation},
    oracle::{Violation, bounds::STOP},
    scenario::{Scenario, draw_parameters},
    trace::Note,
};

/// The names that are served. The oracle has its own idea of them.
const PATTERN: &str = "^vm[0-9]+$";

/// The longest time without a daemon.
const LONGEST_GAP: Duration = Duration::from_secs(7_200);

/// How a daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is told to restart: it sends nothing, and says so in its file.
    Hangup,
    /// It is told to stop, and says its final RAs for this long at most: less than it would if somebody tells
    /// it twice.
    Stop(Duration),
    /// It is killed.
    Crash,
}

/// A death that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doom {
    /// After this many actions, or at the end of the turn.
    Actions(u32),
    /// Right after the next advertisement.
    Send,
    /// In the midst of the next save.
    Save,
}

pub(crate) fn new_fleet(scenario: &Scenario) -> Fleet {
    let policy = Policy { pattern: Regex::new(PATTERN).expect("it is valid") };
    Fleet::new(policy, scenario.parameters)
}

impl Simulation {
    /// Somebody or something ends the daemon: at the end of this turn, within it, or when it saves next.
    pub(crate) fn be_told_to_end(&mut self) {
        let any_time = any_scale(&mut self.luck, Duration::from_millis(1), STOP);
        match self.luck.random_range(0..10) {
            0..3 => self.ending = Some(End::Hangup),
            3..5 => self.ending = Some(End::Stop(STOP)),
            5 => self.ending = Some(End::Stop(any_time)),
            6 => self.doom = Some(Doom::Save),
            7 => self.doom = Some(Doom::Send),
            _ => self.doom = Some(Doom::Actions(self.luck.random_range(0..9))),
        }
    }

    /// Whether death comes before the next thing that the daemon would do.
    pub(crate) fn dies_now(&mut self) -> bool {
        match &mut self.doom {
            Some(Doom::Actions(0)) => true,
            Some(Doom::Actions(left)) => {
                *left -= 1;
                false
            }
            Some(Doom::Send | Doom::Save) | None => false,
        }
    }

    /// Whether death comes right after an advertisement has left, or could not.
    pub(crate) fn dies_after_sending(&mut self) -> bool {
        if self.doom == Some(Doom::Send) {
            self.doom = Some(Doom::Actions(0));
        }
        self.dies_now()
    }

    /// The end of a turn: what is due is saved, unless death comes first.
    pub(crate) fn save(&mut self) {
        let due = self.disk.deadline().is_some_and(|due| due <= self.now);
        let dies = match self.doom {
            Some(Doom::Actions(left)) => {
                self.oracle.tally.count("crash in the midst of actions");
                left == 0 || self.luck.random_bool(0.5)
            }
            Some(Doom::Save) if due => {
                self.oracle.tally.count("crash in the midst of a save");
                self.disk.tear(&mut self.fleet, self.now, &mut self.luck);
                true
            }
            Some(Doom::Send | Doom::Save) | None => false,
        };
        if !dies {
            let attended = self.disk.attend(&mut self.fleet, self.now);
            if attended == Attended::Anew {
                self.oracle.tally.count("file written anew");
            }
            self.oracle.attended(attended != Attended::Nothing, self.now);
        }
        if dies || matches!(self.doom, Some(Doom::Actions(_))) {
            self.ending = Some(End::Crash);
        }
    }

    /// The daemon ends as it was told to, the world goes on, and a new one starts.
    pub(crate) fn pass_on(&mut self, end: End) -> Result<(), Violation> {
        let what = match end {
            End::Hangup => "restart after a hangup",
            End::Crash => "restart after a crash",
            End::Stop(patience) => {
                self.doom = self.luck.random_bool(0.2).then_some(Doom::Send);
                self.stop(patience)?;
                match self.ending.take() {
                    Some(_) => "restart after a crash in a stop",
                    None if patience < STOP => "restart after an impatient stop",
                    None => "restart after a stop",
                }
            }
        };
        self.oracle.tally.count(what);
        let clean = !what.contains("crash");
        self.end_life(clean);
        while self.luck.random_bool(0.05) {
            self.oracle.tally.count("crash before a first look");
            self.end_life(false);
        }
        Ok(())
    }

    fn end_life(&mut self, clean: bool) {
        if clean {
            self.disk.close(&self.fleet, self.now);
        }
        let known: Vec<_> = self.oracle.known().collect();
        for index in known {
            self.trace.note(index, self.now, Note::Ended { clean });
        }
        let exact = clean && self.oracle.vouches(self.now);
        self.oracle.ended(clean);
        (self.doom, self.ending) = (None, None);
        self.be_dead();
        self.be_born(exact);
    }

    fn be_dead(&mut self) {
        let gap = self.scenario.life.unwrap_or(LONGEST_GAP).min(LONGEST_GAP);
        let until = self.now + any_scale(&mut self.luck, Duration::from_millis(1), gap);
        self.world.filter.renew();
        while let Some((at, event)) = self.agenda.pop(until) {
            if event != Event::End {
                self.happen(event, at);
            }
        }
        self.now = until;
        self.agenda.lose_announcements();
        self.news = News::default();
    }

    fn be_born(&mut self, exact: bool) {
        if self.luck.random_bool(0.2) {
            self.oracle.tally.count("restart with other parameters");
            self.scenario.parameters = draw_parameters(&mut self.luck);
        }
        self.fleet = new_fleet(&self.scenario);
        let memory = self.disk.read();
        for known in &memory.interfaces {
            self.trace.note(known.index, self.now, Note::Recalled);
        }
        self.fleet.restore(memory, self.now);
        self.disk.begin(&self.fleet, self.now);
        self.oracle.recalled(exact, self.scenario.parameters, self.now);
        self.next_resync = self.now;
        self.first_look = true;
        self.plan_end();
    }

    pub(crate) fn plan_end(&mut self) {
        if self.scenario.life.is_some() {
            self.plan_next(Event::End, self.now);
        }
    }
}

/// How often the first look of a life is incomplete: a start among many that start.
pub(crate) fn first_look_is_incomplete(rng: &mut StdRng) -> bool {
    rng.random_bool(0.2)
}
