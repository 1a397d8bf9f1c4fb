//! The eBPF program's verdict against the Rust one, on the same packet: the program runs in the kernel, under
//! `BPF_PROG_TEST_RUN`, so this wants root.

use std::cell::RefCell;

use autora::sys::filter::Counters;
use autora_common::Reason;

use crate::{
    rows::{MESSAGE, PACKET},
    seeds,
    test_run::{LONGEST, Program, only_difference, validator_reason},
};

/// The loaded program and what it has counted so far.
struct Bench {
    program: Program,
    counted: Counters,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

/// Loads the program, and ends the run loudly if it cannot; the seeds are the filter's table.
pub fn prepare() {
    let program = Program::load();
    let counted = program.counters();
    BENCH.set(Some(Bench { program, counted }));
    seeds::write(seeds::packets());
}

/// `packet` begins at its IPv6 header; the kernel takes no test run of less than that, nor of more than a page.
pub fn check(packet: &[u8]) {
    let mut frame = vec![0x33, 0x33, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd];
    debug_assert_eq!(frame.len(), PACKET, "an Ethernet header");
    frame.extend(packet);
    frame.resize(frame.len().clamp(MESSAGE, LONGEST), 0);
    BENCH.with_borrow_mut(|bench| bench.as_mut().expect("it is prepared").judge(&frame));
}

impl Bench {
    fn judge(&mut self, frame: &[u8]) {
        let expected = validator_reason(frame);
        let passes = self.program.passes(frame);
        let counted = self.program.counters();
        let reason = only_difference(self.counted, counted);
        self.counted = counted;
        assert_eq!(reason, expected, "the program says the first, the validator the second");
        assert_eq!(passes, reason == Reason::Passed, "it lets through what it counts as such");
        assert_eq!(self.program.mark() != 0, passes, "only a good solicitation spends a mark");
        if passes {
            self.program.set_mark(0);
        }
    }
}
