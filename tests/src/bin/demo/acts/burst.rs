//! A hostile guest, and a quiet one beside it.

use std::{
    net::Ipv6Addr,
    thread,
    time::{Duration, SystemTime},
};

use autora_tests::{Daemon, Sender, Solicit, terminal::Screen};

use crate::{
    probe::{self, Totals, milliseconds},
    stage::{Member, Stage},
};

/// Spoilt solicitations of each kind.
const SPOILT: u64 = 500;
/// Valid ones, spread over about a second.
const VALID: u64 = 5_000;
/// So many go out in one go, each followed by a pause.
const BATCH: usize = 50;
const PAUSE: Duration = Duration::from_millis(10);
/// The longest that an answer may take [RFC 4861 6.2.6], and some time for a busy machine.
const ANSWER: Duration = Duration::from_millis(500 + 100);
/// A valid solicitation passes when none is pending: at first, after an answer, and 4 s after the last at the latest.
const FEW: u64 = 4;

/// What the burst and two heartbeats may cost: far less than reading 5,000 packets does.
const CPU: Duration = Duration::from_millis(10);

/// A spoilt kind: what it is, and how the filter counts it.
struct Spoilt(&'static str, &'static str, Solicit);

/// What became of the burst.
struct Outcome {
    before: Totals,
    after: Totals,
    cpu: Option<Duration>,
    /// How long the quiet guest waited.
    answer: Option<Duration>,
    /// How many RAs the hostile guest got for its storm.
    provoked: usize,
}

/// The second guest floods its host with solicitations; the first asks once.
pub(crate) fn burst(screen: &mut Screen, stage: &mut Stage, daemon: &Daemon) {
    let [quiet, hostile, ..] = &mut stage.guests[..] else { unreachable!("there are three guests") };
    screen.section(&format!(
        "A hostile guest behind {}: solicitations (RS) that no host sends, then as many as it can",
        hostile.name
    ));
    let kinds = spoilt(hostile);
    match run(quiet, hostile, &kinds, daemon) {
        Some(outcome) => {
            outcome.show(screen, &kinds, quiet.name);
            outcome.judge(screen, &kinds);
        }
        None => screen.check(false, "the daemon reports the filter's counters"),
    }
}

impl Outcome {
    fn show(&self, screen: &Screen, kinds: &[Spoilt], quiet: &str) {
        let spoilt = kinds.iter().map(|Spoilt(what, reason, _)| {
            let dropped = self.counted(reason);
            [
                (*what).to_owned(),
                SPOILT.to_string(),
                format!("{dropped} {reason}"),
                (SPOILT - dropped.min(SPOILT)).to_string(),
            ]
        });
        let valid = [
            "valid ones, within a second".to_owned(),
            VALID.to_string(),
            format!("{} coalesced", self.counted("coalesced")),
            self.passed().to_string(),
        ];
        let asked = [format!("meanwhile one from {quiet}"), "1".to_owned(), "-".to_owned(), "1".to_owned()];
        let rows = spoilt.chain([valid, asked]);
        screen.table(["solicitations", "sent", "dropped as", "let through"], rows);
    }

    fn judge(&self, screen: &mut Screen, kinds: &[Spoilt]) {
        screen.check(
            kinds.iter().all(|Spoilt(_, reason, _)| self.counted(reason) == SPOILT),
            "of the spoilt ones not a single one came through, and each was counted for what it was",
        );
        let passed = self.passed();
        screen.check(
            passed <= FEW && passed + self.counted("coalesced") == VALID,
            &format!("of {VALID} valid ones {passed} woke the daemon"),
        );
        if let Some(cpu) = self.cpu {
            screen.check(
                cpu < CPU,
                &format!("all of it cost the daemon {:.1} ms of CPU time", cpu.as_secs_f64() * 1e3),
            );
        }
        let provoked = self.provoked;
        screen.check(
            (1..=2).contains(&provoked),
            &format!("RAs were as rare as ever: {provoked} for all of these"),
        );
        screen.check(
            self.answer.is_some_and(|answer| answer <= ANSWER),
            &format!(
                "the quiet neighbour was answered, after {} (0 to 500 ms at random)",
                milliseconds(self.answer)
            ),
        );
    }

    /// How many the filter counted for this reason in the meantime.
    fn counted(&self, reason: &str) -> u64 {
        self.after.of(reason) - self.before.of(reason)
    }

    /// How many of the hostile guest's passed: the quiet one's is among all that did.
    fn passed(&self) -> u64 {
        self.counted("passed").saturating_sub(1)
    }
}

fn spoilt(hostile: &Member) -> [Spoilt; 3] {
    let good = Solicit::from(&hostile.link.guest);
    let [kind, _, address @ ..] = &good.options[..] else {
        unreachable!("a good one names its link-layer address")
    };
    let zero_length = [&[*kind, 0], address].concat();
    [
        Spoilt("hop limit 64: a router passed it on", "hop-limit", Solicit { hop_limit: 64, ..good.clone() }),
        Spoilt("an option of length 0", "option-length", Solicit { options: zero_length, ..good.clone() }),
        Spoilt(
            "source ::, link-layer address given",
            "unspecified-with-source-link-layer",
            Solicit { source: Ipv6Addr::UNSPECIFIED, ..good },
        ),
    ]
}

fn run(quiet: &mut Member, hostile: &mut Member, kinds: &[Spoilt], daemon: &Daemon) -> Option<Outcome> {
    let before = Totals::next(daemon)?;
    let cpu_before = probe::cpu_time(daemon.pid());
    let began = SystemTime::now();
    let sender = Sender::on(&hostile.link.guest);
    for Spoilt(_, _, solicit) in kinds {
        send(&sender, solicit, SPOILT);
    }
    let good = Solicit::from(&hostile.link.guest);
    let answer = thread::scope(|scope| {
        scope.spawn(|| send(&sender, &good, VALID));
        thread::sleep(PAUSE * 10);
        ask(quiet)
    });
    let after = Totals::next(daemon)?;
    let cpu =
        cpu_before.zip(probe::cpu_time(daemon.pid())).map(|(before, after)| after.saturating_sub(before));
    let provoked = hostile.watch.adverts().iter().filter(|advert| advert.at >= began).count();
    Some(Outcome { before, after, cpu, answer, provoked })
}

fn send(sender: &Sender, solicit: &Solicit, count: u64) {
    let frames = vec![solicit.frame(); usize::try_from(count).expect("a count of this program")];
    for batch in frames.chunks(BATCH) {
        sender.send_all(batch);
        thread::sleep(PAUSE);
    }
}

/// One solicitation; how long until an RA.
fn ask(member: &mut Member) -> Option<Duration> {
    let sender = Sender::on(&member.link.guest);
    let asked = SystemTime::now();
    sender.send(&Solicit::from(&member.link.guest).frame());
    let answer = member.watch.advert_after(asked, Duration::from_secs(2), |_| true)?;
    Some(answer.since(asked))
}
