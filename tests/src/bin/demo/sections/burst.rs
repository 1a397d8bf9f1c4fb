//! A hostile guest that floods, and a quiet one.

use std::{
    net::Ipv6Addr,
    thread,
    time::{Duration, SystemTime},
};

use autora_tests::{Daemon, Sender, Solicit, terminal::Screen};

use crate::{
    probe::{self, Totals, milliseconds},
    topology::{Member, Topology},
};

/// Invalid solicitations of each kind.
const INVALID: u64 = 500;
/// Valid solicitations, spread over about a second.
const VALID: u64 = 5_000;
/// Solicitations that are sent without a pause.
const BATCH: usize = 50;
const PAUSE: Duration = Duration::from_millis(10);
/// The longest delay of an answer ([RFC 4861 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6)),
/// and some time for a busy machine.
const ANSWER: Duration = Duration::from_millis(500 + 100);
/// A valid solicitation passes while none is pending: the first one, one after an answer, one after the mark
/// has expired.
const MOST_PASSED: u64 = 4;

/// The CPU time of the burst and two heartbeats at most: far less than reading 5,000 packets costs.
const CPU: Duration = Duration::from_millis(10);

/// A kind of invalid solicitation: its description, and the reason by which the filter counts it.
struct Invalid(&'static str, &'static str, Solicit);

/// The result of the burst.
struct Outcome {
    before: Totals,
    after: Totals,
    cpu: Option<Duration>,
    /// How long the quiet guest waited for its RA.
    answer: Option<Duration>,
    /// Number of RAs on the hostile guest's link.
    provoked: usize,
}

/// Shows that the second guest floods the host with solicitations and the first one solicits once.
pub(crate) fn burst(screen: &mut Screen, topology: &mut Topology, daemon: &Daemon) {
    let [quiet, hostile, ..] = &mut topology.guests[..] else { unreachable!("there are three guests") };
    screen.section(&format!(
        "A hostile guest behind {} sends invalid solicitations (RS), then a flood of valid ones",
        hostile.name
    ));
    let kinds = invalid(hostile);
    match run(quiet, hostile, &kinds, daemon) {
        Some(outcome) => {
            outcome.show(screen, &kinds, quiet.name);
            outcome.judge(screen, &kinds);
        }
        None => screen.check(false, "the daemon's heartbeat has the filter's counters"),
    }
}

impl Outcome {
    fn show(&self, screen: &Screen, kinds: &[Invalid], quiet: &str) {
        let invalid = kinds.iter().map(|Invalid(what, reason, _)| {
            let dropped = self.counted(reason);
            [
                (*what).to_owned(),
                INVALID.to_string(),
                format!("{dropped} {reason}"),
                (INVALID - dropped.min(INVALID)).to_string(),
            ]
        });
        let valid = [
            "valid, within a second".to_owned(),
            VALID.to_string(),
            format!("{} coalesced", self.counted("coalesced")),
            self.passed().to_string(),
        ];
        let asked = [format!("valid, meanwhile on {quiet}"), "1".to_owned(), "-".to_owned(), "1".to_owned()];
        let rows = invalid.chain([valid, asked]);
        screen.table(["solicitations", "sent", "dropped as", "passed"], rows);
    }

    fn judge(&self, screen: &mut Screen, kinds: &[Invalid]) {
        screen.check(
            kinds.iter().all(|Invalid(_, reason, _)| self.counted(reason) == INVALID),
            "the filter dropped every invalid RS in the kernel, each counted by its reason",
        );
        let passed = self.passed();
        screen.check(
            passed <= MOST_PASSED && passed + self.counted("coalesced") == VALID,
            &format!("of {VALID} valid RS {passed} reached the daemon; the filter coalesced the others"),
        );
        if let Some(cpu) = self.cpu {
            screen.check(
                cpu < CPU,
                &format!("all of them cost the daemon {:.1} ms of CPU time", cpu.as_secs_f64() * 1e3),
            );
        }
        let provoked = self.provoked;
        screen.check(
            (1..=2).contains(&provoked),
            &format!("the flood did not raise the rate of RAs: {provoked} on this link"),
        );
        screen.check(
            self.answer.is_some_and(|answer| answer <= ANSWER),
            &format!(
                "the quiet guest got its RA {} after its RS (a random delay of 0 to 500 ms)",
                milliseconds(self.answer)
            ),
        );
    }

    /// Returns by how much the filter's counter of `reason` grew during the burst.
    fn counted(&self, reason: &str) -> u64 {
        self.after.of(reason) - self.before.of(reason)
    }

    /// Returns how many RS of the hostile guest passed: all that passed but the one of the quiet guest.
    fn passed(&self) -> u64 {
        self.counted("passed").saturating_sub(1)
    }
}

fn invalid(hostile: &Member) -> [Invalid; 3] {
    let good = Solicit::from(&hostile.link.guest);
    let [kind, _, address @ ..] = &good.options[..] else { unreachable!("it has a Source Link-Layer Address option") };
    let zero_length = [&[*kind, 0], address].concat();
    [
        Invalid("hop limit 64: a router forwarded it", "hop-limit", Solicit { hop_limit: 64, ..good.clone() }),
        Invalid("an option of length 0", "option-length", Solicit { options: zero_length, ..good.clone() }),
        Invalid(
            "source :: with link-layer address",
            "unspecified-with-source-link-layer",
            Solicit { source: Ipv6Addr::UNSPECIFIED, ..good },
        ),
    ]
}

fn run(quiet: &mut Member, hostile: &mut Member, kinds: &[Invalid], daemon: &Daemon) -> Option<Outcome> {
    let before = Totals::next(daemon)?;
    let cpu_before = probe::cpu_time(daemon.pid());
    let began = SystemTime::now();
    let sender = Sender::on(&hostile.link.guest);
    for Invalid(_, _, solicit) in kinds {
        send(&sender, solicit, INVALID);
    }
    let good = Solicit::from(&hostile.link.guest);
    let answer = thread::scope(|scope| {
        scope.spawn(|| send(&sender, &good, VALID));
        thread::sleep(PAUSE * 10);
        ask(quiet)
    });
    let after = Totals::next(daemon)?;
    let cpu = cpu_before.zip(probe::cpu_time(daemon.pid())).map(|(before, after)| after.saturating_sub(before));
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

/// Sends one RS; returns how long the RA after it took.
fn ask(member: &mut Member) -> Option<Duration> {
    let sender = Sender::on(&member.link.guest);
    let asked = SystemTime::now();
    sender.send(&Solicit::from(&member.link.guest).frame());
    let answer = member.watch.advert_after(asked, Duration::from_secs(2), |_| true)?;
    Some(answer.since(asked))
}
