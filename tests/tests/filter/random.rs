//! Random packets: the program in the kernel, the validator and its independent implementation agree.

use std::{env, time::Instant};

use autora::sys::filter::Counters;
use autora_common::Reason;
use autora_tests::Mac;
use rand::{
    RngExt, SeedableRng, TryRng,
    rngs::{StdRng, SysRng},
};

use crate::{
    plain::agreed_reason,
    rows::{MESSAGE, PACKET, Row, rows},
    test_run::{LONGEST, Program},
};

/// Number of packets.
const PACKETS: u32 = 1_000_000;

/// The environment variable that repeats a run with its seed.
const SEED: &str = "AUTORA_TEST_SEED";

#[test]
fn program_and_validator_agree_on_random_packets() {
    let seed = env::var(SEED).map_or_else(
        |_| SysRng.try_next_u64().expect("the kernel has randomness"),
        |seed| seed.parse().expect("the seed is a number"),
    );
    println!("{SEED}={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut program = Program::load();
    let rows = rows(Mac([2, 0, 0, 0, 0, 1]));

    let start = Instant::now();
    let mut expected = [0; Reason::COUNT];
    for number in 0..PACKETS {
        let frame = packet(&mut rng, &rows);
        let reason = agreed_reason(&frame[PACKET..]);
        expected[reason as usize] += 1;
        let passes = program.passes(&frame);
        assert_eq!(passes, reason == Reason::Passed, "{SEED}={seed}, packet {number}, {reason:?}: {frame:02x?}");
        if passes {
            program.set_mark(0);
        }
        // Reading the counters is slow, so not after each packet.
        if number % 4096 == 0 {
            let counted = program.counters();
            assert_eq!(counted, Counters::new(expected), "{SEED}={seed}, before packet {number}: {frame:02x?}");
        }
    }
    assert_eq!(program.counters(), Counters::new(expected), "{SEED}={seed}");
    report(expected, start);
}

/// Prints the counts, and checks that every reason occurred often: input that always fails the same check
/// proves nothing.
fn report(seen: [u64; Reason::COUNT], start: Instant) {
    println!("{PACKETS} packets in {:?}", start.elapsed());
    for (reason, count) in Counters::new(seen).iter() {
        println!("{count:8} {}", reason.name());
        let of_the_daemon = [Reason::Coalesced, Reason::NotServed, Reason::Fragment].contains(&reason);
        assert!(of_the_daemon || count > 1000, "too few: {}", reason.name());
    }
}

fn packet(rng: &mut StdRng, rows: &[Row]) -> Vec<u8> {
    let mut frame = match rng.random_range(0..10) {
        0 => noise(rng),
        1..5 => solicitation(rng),
        _ => mutation(rng, rows),
    };
    frame.resize(frame.len().clamp(MESSAGE, LONGEST), 0);
    frame
}

/// Returns random bytes behind an Ethernet header.
fn noise(rng: &mut StdRng) -> Vec<u8> {
    let mut frame = ethernet();
    frame.extend((0..rng.random_range(1..200)).map(|_| rng.random::<u8>()));
    frame
}

/// Returns a valid message with a few malformed options, so that the walk over the options gets far.
fn solicitation(rng: &mut StdRng) -> Vec<u8> {
    let advertisement = rng.random_ratio(1, 8);
    let mut message = vec![0; if advertisement { 16 } else { 8 }];
    message[0] = if advertisement { 134 } else { 133 };
    for _ in 0..rng.random_range(0..20) {
        let units: u8 = if rng.random_ratio(1, 40) { rng.random() } else { rng.random_range(1..4) };
        let start = message.len();
        message.resize(start + usize::from(units) * 8, 0x55);
        if let [kind, len, ..] = &mut message[start..] {
            *kind = rng.random_range(0..4);
            *len = if rng.random_ratio(1, 60) { rng.random_range(0..5) } else { units };
        }
    }
    if rng.random_ratio(1, 20) {
        message.extend((0..rng.random_range(1..8)).map(|_| rng.random::<u8>()));
    }
    let source = *pick(rng, &[[0_u8; 16], link_local(), [0x20; 16]]);
    let [high, low] = u16::try_from(message.len()).expect("20 options are short").to_be_bytes();
    let header = [0x60, 0, 0, 0, high, low, 58, 255];
    [&ethernet()[..], &header, &source, &[0xff; 16], &message].concat()
}

/// Returns a row with some bytes changed, most of them in checked fields.
fn mutation(rng: &mut StdRng, rows: &[Row]) -> Vec<u8> {
    let mut frame = pick(rng, rows).frame.clone();
    for _ in 0..rng.random_range(0..4) {
        let at = match rng.random_range(0..4) {
            0 => rng.random_range(PACKET + 4..PACKET + 24),
            1 => rng.random_range(MESSAGE..MESSAGE + 8),
            2 => MESSAGE + 8 * rng.random_range(1..20) + rng.random_range(0..2),
            _ => rng.random_range(PACKET..frame.len().max(MESSAGE)),
        };
        let value = if rng.random() { rng.random() } else { *pick(rng, &[0, 1, 2, 58, 133, 134, 255]) };
        if let Some(byte) = frame.get_mut(at) {
            *byte = value;
        }
    }
    if rng.random_ratio(1, 8) {
        frame.truncate(rng.random_range(MESSAGE..=frame.len().max(MESSAGE)));
    }
    if rng.random_ratio(1, 8) {
        frame.extend((0..rng.random_range(0..24)).map(|_| rng.random::<u8>()));
    }
    frame
}

fn ethernet() -> Vec<u8> {
    vec![0x33, 0x33, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd]
}

fn link_local() -> [u8; 16] {
    [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]
}

fn pick<'a, T>(rng: &mut StdRng, from: &'a [T]) -> &'a T {
    &from[rng.random_range(0..from.len())]
}
