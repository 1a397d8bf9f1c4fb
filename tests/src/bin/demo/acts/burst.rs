//! A hostile guest, and a quiet one beside it.

use std::{
    net::Ipv6Addr,
    thread,
    time::{Duration, SystemTime},
};

use autora_tests::{Daemon, Sender, Solicit};

use crate::{
    probe::{self, Totals},
    screen::{Screen, milliseconds},
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
    let outcome = run(quiet, hostile, &kinds, daemon);
    let Some(Outcome { before, after, cpu, answer, provoked }) = outcome else {
        return screen.check(false, "the daemon reports the filter's counters");
    };
    let counted = |reason: &str| after.of(reason) - before.of(reason);
    // The quiet guest's one is among those that passed.
    let passed = counted("passed").saturating_sub(1);
    let mut rows: Vec<[String; 4]> = kinds
        .iter()
        .map(|Spoilt(what, reason, _)| {
            let dropped = counted(reason);
            let passed = SPOILT.saturating_sub(dropped);
            [(*what).to_owned(), SPOILT.to_string(), format!("{dropped} {reason}"), passed.to_string()]
        })
        .collect();
    rows.push([
        "valid ones, within a second".to_owned(),
        VALID.to_string(),
        format!("{} coalesced", counted("coalesced")),
        passed.to_string(),
    ]);
    rows.push([
        format!("meanwhile, from {}: one", quiet.name),
        "1".to_owned(),
        "-".to_owned(),
        u64::from(answer.is_some()).to_string(),
    ]);
    screen.table(["what was sent", "how many", "dropped in the kernel as", "let through"], &rows);
    for Spoilt(what, reason, _) in &kinds {
        screen.check(counted(reason) == SPOILT, &format!("{what}: not one came through"));
    }
    let cpu =
        cpu.map(|cpu| format!(", for {:.1} ms of its CPU time", cpu.as_secs_f64() * 1e3)).unwrap_or_default();
    screen.check(
        passed <= FEW && passed + counted("coalesced") == VALID,
        &format!("of {VALID} valid ones {passed} woke the daemon{cpu}"),
    );
    screen.check(
        (1..=2).contains(&provoked),
        &format!("they were answered, with RAs as rare as ever: {provoked}"),
    );
    screen.check(
        answer.is_some_and(|answer| answer <= ANSWER),
        &format!(
            "the quiet neighbour was answered all the same, after {} (0-500 at random)",
            milliseconds(answer)
        ),
    );
}

fn spoilt(hostile: &Member) -> [Spoilt; 3] {
    let good = Solicit::from(&hostile.link.guest);
    let [kind, _, address @ ..] = &good.options[..] else {
        unreachable!("a good one names its link-layer address")
    };
    let zero_length = [&[*kind, 0], address].concat();
    [
        Spoilt(
            "hop limit 64 (so a router passed it on)",
            "hop-limit",
            Solicit { hop_limit: 64, ..good.clone() },
        ),
        Spoilt("an option of length 0", "option-length", Solicit { options: zero_length, ..good.clone() }),
        Spoilt(
            "source :: with a link-layer address",
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
