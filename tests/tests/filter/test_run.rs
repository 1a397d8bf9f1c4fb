//! Runs the program in the kernel with `BPF_PROG_TEST_RUN`: without socket and link, one packet at a time.

use autora::sys::filter::{Counters, embedded};
use autora_common::{
    Reason,
    maps::{self, INTERFACES, PROGRAM, PendingMark, SERVED, TOTALS},
    validate,
};
use autora_tests::require_root;
use aya::{
    Ebpf, EbpfLoader, Pod, TestRun, TestRunOptions,
    maps::{HashMap, MapData, PerCpuArray},
    programs::SocketFilter,
};

use crate::{plain::reason_of, rows::PACKET};

/// The interface of packets of `BPF_PROG_TEST_RUN`: the loopback of the namespace.
pub(crate) const LOOPBACK: u32 = 1;

/// The longest frame: `BPF_PROG_TEST_RUN` takes a page minus some room, and at least an IPv6 header
/// (`bpf_test_init` and `bpf_prog_test_run_skb` in `net/bpf/test_run.c`).
pub(crate) const LONGEST: usize = 3400;

/// The loaded program, with [`LOOPBACK`] served.
pub(crate) struct Program {
    ebpf: Ebpf,
    pub(crate) served: HashMap<MapData, u32, PendingMark>,
    pub(crate) interfaces: HashMap<MapData, u32, Stats>,
    totals: PerCpuArray<MapData, u64>,
}

/// The value of the interface map, for aya.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub(crate) struct Stats(pub(crate) maps::InterfaceStats);

// SAFETY: `repr(C)`, without padding, all integers.
unsafe impl Pod for Stats {}

impl Program {
    pub(crate) fn load() -> Self {
        require_root();
        let object = embedded().expect("this build carries no eBPF program: run `cargo xtask build-ebpf` first");
        let mut ebpf = EbpfLoader::new().btf(None).load(object).expect("maps can be made");
        let program: &mut SocketFilter = ebpf.program_mut(PROGRAM).unwrap().try_into().unwrap();
        program.load().expect("the verifier accepts it");
        let mut program = Self {
            served: ebpf.take_map(SERVED).unwrap().try_into().unwrap(),
            interfaces: ebpf.take_map(INTERFACES).unwrap().try_into().unwrap(),
            totals: ebpf.take_map(TOTALS).unwrap().try_into().unwrap(),
            ebpf,
        };
        program.interfaces.insert(LOOPBACK, Stats::default(), 0).unwrap();
        program.set_mark(0);
        program
    }

    /// Runs the program on a frame; returns whether the packet would reach the socket.
    pub(crate) fn passes(&self, frame: &[u8]) -> bool {
        let program: &SocketFilter = self.ebpf.program(PROGRAM).unwrap().try_into().unwrap();
        let options = TestRunOptions { data_in: Some(frame), ..TestRunOptions::default() };
        match program
            .test_run(options)
            .unwrap_or_else(|error| panic!("{error}, frame {}: {frame:02x?}", frame.len()))
            .return_value
        {
            0 => false,
            u32::MAX => true,
            other => panic!("the program keeps {other} bytes of the packet"),
        }
    }

    /// Runs the program on a frame; returns the one reason that it counted, in total and for the interface.
    pub(crate) fn reason(&self, frame: &[u8]) -> Reason {
        let (before, before_here) = (self.totals(), self.counters());
        let passes = self.passes(frame);
        let reason = only_difference(before, self.totals());
        assert_eq!(passes, reason == Reason::Passed, "verdict and counter agree");
        assert_eq!(only_difference(before_here, self.counters()), reason, "interface and total agree");
        reason
    }

    pub(crate) fn set_mark(&mut self, mark: PendingMark) {
        self.served.insert(LOOPBACK, mark, 0).unwrap();
    }

    pub(crate) fn mark(&self) -> PendingMark {
        self.served.get(&LOOPBACK, 0).unwrap()
    }

    pub(crate) fn stats(&self) -> maps::InterfaceStats {
        self.interfaces.get(&LOOPBACK, 0).unwrap().0
    }

    pub(crate) fn counters(&self) -> Counters {
        Counters::new(self.stats().counters)
    }

    pub(crate) fn totals(&self) -> Counters {
        let mut totals = [0; Reason::COUNT];
        for (index, total) in (0_u32..).zip(&mut totals) {
            *total = self.totals.get(&index, 0).unwrap().iter().sum();
        }
        Counters::new(totals)
    }
}

/// Returns the validator's verdict on the frame, as the filter's reason.
pub(crate) fn validator_reason(frame: &[u8]) -> Reason {
    reason_of(validate(&frame[PACKET..]))
}

/// Returns the only reason whose counter changed, by one.
pub(crate) fn only_difference(before: Counters, after: Counters) -> Reason {
    let changed: Vec<_> = Reason::ALL.into_iter().filter(|reason| before.get(*reason) != after.get(*reason)).collect();
    let [reason] = changed[..] else { panic!("one counter changes per packet, not {changed:?}") };
    assert_eq!(after.get(reason) - before.get(reason), 1, "{reason:?}");
    reason
}
