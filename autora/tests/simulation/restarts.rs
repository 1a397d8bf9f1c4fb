//! Restarts: how each process ends, and what the next one finds.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

use crate::{
    agenda::Event,
    chance::any_scale,
    disk::SaveOutcome,
    driver::{Pending, Simulation},
    oracle::{Violation, bounds::STOP},
    settings::Settings,
    trace::Note,
};

/// The longest time without a daemon.
const LONGEST_GAP: Duration = Duration::from_secs(7_200);

/// How a daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// SIGHUP: no RA leaves, and the state file is marked clean.
    Hangup,
    /// SIGTERM: final RAs leave for at most this long, less than usual after a second signal.
    Stop(Duration),
    /// SIGKILL.
    Crash,
}

/// A planned crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlannedCrash {
    /// After this many actions, or at the end of the turn.
    Actions(u32),
    /// Right after the next RA.
    Send,
    /// During the next save.
    Save,
}

impl Simulation {
    /// Ends the daemon: after this turn, within it, or during the next save.
    pub(crate) fn terminate(&mut self) {
        let any_time = any_scale(&mut self.world_rng, Duration::from_millis(1), STOP);
        match self.world_rng.random_range(0..10) {
            0..3 => self.ending = Some(End::Hangup),
            3..5 => self.ending = Some(End::Stop(STOP)),
            5 => self.ending = Some(End::Stop(any_time)),
            6 => self.planned_crash = Some(PlannedCrash::Save),
            7 => self.planned_crash = Some(PlannedCrash::Send),
            _ => self.planned_crash = Some(PlannedCrash::Actions(self.world_rng.random_range(0..9))),
        }
    }

    /// Returns whether the daemon crashes before its next action.
    pub(crate) fn crashes_now(&mut self) -> bool {
        match &mut self.planned_crash {
            Some(PlannedCrash::Actions(0)) => true,
            Some(PlannedCrash::Actions(left)) => {
                *left -= 1;
                false
            }
            Some(PlannedCrash::Send | PlannedCrash::Save) | None => false,
        }
    }

    /// Returns whether the daemon crashes right after an RA left or failed.
    pub(crate) fn crashes_after_sending(&mut self) -> bool {
        if self.planned_crash == Some(PlannedCrash::Send) {
            self.planned_crash = Some(PlannedCrash::Actions(0));
        }
        self.crashes_now()
    }

    /// Saves what is due at the end of a turn, unless the daemon crashes first.
    pub(crate) fn save(&mut self) {
        let due = self.disk.deadline().is_some_and(|due| due <= self.now);
        let crashes = match self.planned_crash {
            Some(PlannedCrash::Actions(left)) => {
                self.oracle.tally.count("crash between actions");
                left == 0 || self.world_rng.random_bool(0.5)
            }
            Some(PlannedCrash::Save) if due => {
                self.oracle.tally.count("crash during a save");
                self.disk.tear(&mut self.fleet, self.now, &mut self.world_rng);
                true
            }
            Some(PlannedCrash::Send | PlannedCrash::Save) | None => false,
        };
        if !crashes {
            let outcome = self.disk.save_due(&mut self.fleet, self.now);
            if outcome == SaveOutcome::Rewritten {
                self.oracle.tally.count("file rewritten");
            }
            self.oracle.state_written(outcome != SaveOutcome::Nothing, self.now);
        }
        if crashes || matches!(self.planned_crash, Some(PlannedCrash::Actions(_))) {
            self.ending = Some(End::Crash);
        }
    }

    /// Ends the daemon as `end` says, lets the world go on, and starts the next process.
    pub(crate) fn restart(&mut self, end: End) -> Result<(), Violation> {
        let what = match end {
            End::Hangup => "restart after a hangup",
            End::Crash => "restart after a crash",
            End::Stop(time_limit) => {
                self.planned_crash = self.world_rng.random_bool(0.2).then_some(PlannedCrash::Send);
                self.stop(time_limit)?;
                match self.ending.take() {
                    Some(_) => "restart after a crash in a stop",
                    None if time_limit < STOP => "restart after a cut-short stop",
                    None => "restart after a stop",
                }
            }
        };
        self.oracle.tally.count(what);
        let clean = !what.contains("crash");
        self.replace_process(clean);
        while self.world_rng.random_bool(0.05) {
            self.oracle.tally.count("crash before the first resync");
            self.replace_process(false);
        }
        Ok(())
    }

    fn replace_process(&mut self, clean: bool) {
        if clean {
            self.disk.close(&self.fleet, self.now);
        }
        let known: Vec<_> = self.oracle.known().collect();
        for index in known {
            self.trace.note(index, self.now, Note::Ended { clean });
        }
        let exact = clean && self.oracle.is_exact(self.now);
        self.oracle.ended(clean);
        (self.planned_crash, self.ending) = (None, None);
        self.world.claims.end_process(self.now);
        self.world.queues.begin_process();
        self.pass_gap();
        self.start_process(exact);
    }

    fn pass_gap(&mut self) {
        let gap = self.scenario.process_lifetime.unwrap_or(LONGEST_GAP).min(LONGEST_GAP);
        let until = self.now + any_scale(&mut self.world_rng, Duration::from_millis(1), gap);
        self.world.filter.renew();
        while let Some((at, event)) = self.agenda.pop(until) {
            if event != Event::End {
                self.apply(event, at);
            }
        }
        self.now = until;
        self.agenda.lose_notifications();
        self.pending = Pending::default();
    }

    fn start_process(&mut self, exact: bool) {
        if self.world_rng.random_bool(0.2) {
            self.oracle.tally.count("restart with other settings");
            self.scenario.settings = Settings::draw(&mut self.world_rng);
        }
        self.fleet = self.scenario.settings.fleet();
        let saved = self.disk.read();
        for known in &saved.interfaces {
            self.trace.note(known.index, self.now, Note::Restored);
        }
        self.fleet.restore(saved, self.now);
        self.disk.begin(&self.fleet, self.now);
        self.oracle.restored(exact, self.scenario.settings, self.now);
        self.next_resync = self.now;
        self.first_resync = true;
        self.plan_end();
    }

    pub(crate) fn plan_end(&mut self) {
        if self.scenario.process_lifetime.is_some() {
            self.plan_next(Event::End, self.now);
        }
    }
}

/// Draws whether the first resync of a process is incomplete, as when many programs start at once.
pub(crate) fn first_resync_is_incomplete(rng: &mut StdRng) -> bool {
    rng.random_bool(0.2)
}
