//! Every path of the validator: packets whose bytes are decided when it asks for them.
//!
//! [`Undecided`] answers the validator with one value of each class that its rules make: below, at and above each
//! bound. When a run has ended, the last answer is replaced by the next one, and the validator runs again, until no
//! answer is left. So a path is a sequence of answers, its packet consists of them, and none is left out.
//!
//! What the validator does not ask for cannot be forked. So the header and the length of the packet are answered as a
//! whole, before the first check: a check that is missing is seen.

use std::cell::RefCell;

use autora_common::{HEADER_LEN, Ipv6Header, Packet, Reason, Start, validate};

use crate::plain::{agreed_reason, reason_of};

/// A set of paths.
pub(crate) struct Paths {
    packets: fn() -> Vec<Undecided>,
    /// How many there are; the handbook says so, too.
    pub(crate) count: u64,
}

/// All paths of messages with at most 12 units (of 8 bytes) of options.
pub(crate) const UP_TO_TWELVE_UNITS: Paths = Paths { packets: up_to_twelve_units, count: 6_485_300 };

/// All paths of 13 to 18 options of one unit, of which one may have any other length.
pub(crate) const LONG_SEQUENCES: Paths = Paths { packets: long_sequences, count: 7_378_014 };

impl Paths {
    /// Runs the validator on every path, in memory as well, and compares its verdict with the second reading. Calls
    /// `judge` with each packet and its reason. Prints and returns how many paths have which reason.
    pub(crate) fn walk(&self, mut judge: impl FnMut(&[u8], Reason)) -> [u64; Reason::COUNT] {
        let mut reasons = [0; Reason::COUNT];
        for mut packet in (self.packets)() {
            reasons[packet.judge(&mut judge) as usize] += 1;
            while packet.turn() {
                reasons[packet.judge(&mut judge) as usize] += 1;
            }
        }
        self.report(&reasons);
        reasons
    }

    fn report(&self, reasons: &[u64; Reason::COUNT]) {
        let count: u64 = reasons.iter().sum();
        println!("{count} paths");
        for (reason, count) in Reason::ALL.iter().zip(reasons).filter(|(_, count)| **count > 0) {
            println!("{count:9} {}", reason.name());
        }
        assert_eq!(count, self.count, "a path is gone, or new");
    }
}

fn up_to_twelve_units() -> Vec<Undecided> {
    let short = (0..SHORT).map(|len| Undecided::new(&EVERY_CLASS, len));
    let solicitations = (SHORT..=8 + 12 * 8).filter(|len| is_bound(*len)).map(|len| Undecided::new(&SOLICITATION, len));
    let advertisements =
        (SHORT..=16 + 12 * 8).filter(|len| is_bound(*len)).map(|len| Undecided::new(&ADVERTISEMENT, len));
    short.chain(solicitations).chain(advertisements).collect()
}

fn long_sequences() -> Vec<Undecided> {
    let sequences = |values, fixed: u16| {
        let lens = fixed + 13 * 8..fixed + 19 * 8;
        lens.filter(|len| is_bound(*len)).map(move |len| Undecided::new(values, len))
    };
    let unspecified = (13..=18).map(|units| Undecided::new(&UNSPECIFIED_SEQUENCE, 8 + units * 8));
    unspecified.chain(sequences(&SOLICITATION_SEQUENCE, 8)).chain(sequences(&ADVERTISEMENT_SEQUENCE, 16)).collect()
}

/// Returns whether a message of `len` bytes ends with an option, or just behind or before the end of one: what is
/// between is of the same class.
fn is_bound(len: u16) -> bool {
    [0, 1, 7].contains(&(len % 8))
}

/// Messages below this length are tried with every class of every field. Longer ones vary only in what decides beside
/// the options: their paths are those of the shorter ones, and every walk over the options would repeat each of them.
const SHORT: u16 = 48;

/// The values of each field.
struct Values {
    /// The lengths of a packet whose message ends at this offset.
    lens: fn(usize) -> Vec<usize>,
    next_headers: &'static [u8],
    hop_limits: &'static [u8],
    sources: &'static [[u8; 16]],
    types: &'static [u8],
    codes: &'static [u8],
    option_lengths: OptionLengths,
    option_types: &'static [u8],
    malformed_types: &'static [u8],
}

/// The lengths of options.
#[derive(Clone, Copy)]
enum OptionLengths {
    /// 0, each that fits, one unit more, and the longest.
    WithLongest,
    /// 0, each that fits, and one unit more.
    All,
    /// One unit, but for one option, which may have each of the others.
    OneDeviation,
}

const EVERY_CLASS: Values = Values {
    lens: around,
    next_headers: &[58, 57, 59],
    hop_limits: &[255, 254, 0],
    sources: &[
        UNSPECIFIED,
        1_u128.to_be_bytes(),
        (1_u128 << 64).to_be_bytes(),
        (LINK_LOCAL_BITS - 1).to_be_bytes(),
        LINK_LOCAL,
        (ABOVE_LINK_LOCAL_BITS - 1).to_be_bytes(),
        ABOVE_LINK_LOCAL_BITS.to_be_bytes(),
    ],
    types: &[133, 134, 132, 135],
    codes: &[0, 1, 255],
    option_lengths: OptionLengths::WithLongest,
    option_types: &[1, 0, 2],
    malformed_types: &[1, 0, 2],
};

const SOLICITATION: Values = Values {
    lens: whole,
    next_headers: &[58],
    hop_limits: &[255],
    sources: &[UNSPECIFIED, LINK_LOCAL],
    types: &[133],
    codes: &[0],
    option_lengths: OptionLengths::All,
    option_types: &[1, 2],
    malformed_types: &[1],
};

const ADVERTISEMENT: Values = Values { sources: &[LINK_LOCAL], types: &[134], ..SOLICITATION };

const UNSPECIFIED_SEQUENCE: Values =
    Values { sources: &[UNSPECIFIED], option_lengths: OptionLengths::OneDeviation, ..SOLICITATION };

const SOLICITATION_SEQUENCE: Values = Values { sources: &[LINK_LOCAL], option_types: &[1], ..UNSPECIFIED_SEQUENCE };

const ADVERTISEMENT_SEQUENCE: Values = Values { types: &[134], ..SOLICITATION_SEQUENCE };

const UNSPECIFIED: [u8; 16] = [0; 16];
const LINK_LOCAL: [u8; 16] = LINK_LOCAL_BITS.to_be_bytes();

/// fe80::/10 begins with the one address, and ends before the other.
const LINK_LOCAL_BITS: u128 = 0xfe80 << 112;
const ABOVE_LINK_LOCAL_BITS: u128 = 0xfec0 << 112;

/// Nothing follows the message.
fn whole(end: usize) -> Vec<usize> {
    vec![end]
}

/// Below, at and above the header, the start of a message, and the end of this one.
fn around(end: usize) -> Vec<usize> {
    let mut lens = vec![HEADER_LEN - 1, HEADER_LEN, HEADER_LEN + 7, HEADER_LEN + 8, end - 1, end, end + 1, end + 9];
    lens.sort_unstable();
    lens.dedup();
    lens
}

/// A packet that is decided byte by byte.
pub(crate) struct Undecided {
    values: &'static Values,
    payload_len: u16,
    lens: Vec<usize>,
    draft: RefCell<Draft>,
}

/// What is decided so far.
struct Draft {
    answers: Answers,
    bytes: [u8; ROOM],
    len: usize,
    /// What comes before this offset is decided.
    decided: usize,
    /// One of the options is not of one unit.
    deviates: bool,
    /// The number of the path, in the bytes of the Router Lifetime.
    number: u16,
}

/// As long as the longest packet.
const ROOM: usize = HEADER_LEN + 16 + 19 * 8;

/// A byte that is not decided: in the place of an option's length, it is past the end.
const UNASKED: u8 = 0xff;

impl Undecided {
    fn new(values: &'static Values, payload_len: u16) -> Self {
        let lens = (values.lens)(HEADER_LEN + usize::from(payload_len));
        Self { values, payload_len, lens, draft: RefCell::new(Draft::new()) }
    }

    /// Runs the validator on one path, and `judge`. Returns the reason.
    fn judge(&mut self, judge: &mut impl FnMut(&[u8], Reason)) -> Reason {
        let reason = reason_of(validate(&*self));
        let packet = self.draft.get_mut().packet();
        assert_eq!(reason, agreed_reason(packet), "left: as it was asked for, right: in memory, {packet:02x?}");
        judge(packet, reason);
        reason
    }

    /// Turns to the next path; returns whether there is one.
    fn turn(&mut self) -> bool {
        self.draft.get_mut().turn()
    }
}

impl Packet for Undecided {
    fn header(&self) -> Option<Ipv6Header> {
        let mut draft = self.draft.borrow_mut();
        if draft.decided == 0 {
            draft.decide_header(self.values, self.payload_len, &self.lens);
        }
        draft.packet().header()
    }

    fn start(&self, header: &Ipv6Header) -> Option<(Start, usize)> {
        let mut draft = self.draft.borrow_mut();
        if draft.decided == HEADER_LEN && draft.len >= HEADER_LEN + 8 {
            draft.decide_start(self.values);
        }
        draft.packet().start(header)
    }

    fn reaches(&self, end: usize) -> bool {
        self.draft.borrow().packet().reaches(end)
    }

    fn pair(&self, at: usize) -> [u8; 2] {
        let mut draft = self.draft.borrow_mut();
        if draft.decided <= at && at + 2 <= draft.len {
            let end = HEADER_LEN + usize::from(self.payload_len);
            draft.decide_option(self.values, at, end.saturating_sub(at) / 8);
        }
        draft.packet().pair(at)
    }
}

impl Draft {
    fn new() -> Self {
        Self { answers: Answers::default(), bytes: [UNASKED; ROOM], len: 0, decided: 0, deviates: false, number: 0 }
    }

    fn packet(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn turn(&mut self) -> bool {
        self.bytes.fill(UNASKED);
        (self.len, self.decided, self.deviates) = (0, 0, false);
        self.number = self.number.wrapping_add(1);
        self.answers.turn()
    }

    fn decide_header(&mut self, values: &Values, payload_len: u16, lens: &[usize]) {
        self.len = self.answers.one_of(lens);
        if self.len < HEADER_LEN {
            return;
        }
        self.bytes[..4].copy_from_slice(&[0x60, 0, 0, 0]);
        self.bytes[4..6].copy_from_slice(&payload_len.to_be_bytes());
        self.bytes[6] = self.answers.one_of(values.next_headers);
        self.bytes[7] = self.answers.one_of(values.hop_limits);
        self.bytes[8..24].copy_from_slice(&self.answers.one_of(values.sources));
        self.decided = HEADER_LEN;
    }

    fn decide_start(&mut self, values: &Values) {
        self.bytes[40] = self.answers.one_of(values.types);
        self.bytes[41] = self.answers.one_of(values.codes);
        self.bytes[46..48].copy_from_slice(&self.number.to_be_bytes());
        self.decided = HEADER_LEN + 8;
    }

    /// Decides the option at `at`, where `fitting` units are left of the message.
    fn decide_option(&mut self, values: &Values, at: usize, fitting: usize) {
        let units = self.units(values.option_lengths, fitting);
        let fits = (1..=fitting).contains(&units);
        self.bytes[at] = self.answers.one_of(if fits { values.option_types } else { values.malformed_types });
        self.bytes[at + 1] = u8::try_from(units).expect("the message is short");
        self.decided = at + 2;
    }

    fn units(&mut self, lengths: OptionLengths, fitting: usize) -> usize {
        let above = fitting + 1;
        match lengths {
            OptionLengths::WithLongest => match self.answers.below(above + 2) {
                units if units > above => 255,
                units => units,
            },
            OptionLengths::All => self.answers.below(above + 1),
            OptionLengths::OneDeviation if self.deviates => 1,
            OptionLengths::OneDeviation => {
                let units = self.answers.below(above + 1);
                self.deviates = units != 1;
                units
            }
        }
    }
}

/// The answers of a path: a counter whose digits are added when a question is asked.
#[derive(Default)]
struct Answers {
    /// Each answer, and how many there are in its place.
    digits: Vec<(usize, usize)>,
    given: usize,
}

impl Answers {
    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// Gives the next answer, a number below `count`.
    fn below(&mut self, count: usize) -> usize {
        if self.given == self.digits.len() {
            self.digits.push((0, count));
        }
        let (answer, of) = self.digits[self.given];
        assert_eq!(of, count, "the same answers lead to the same question");
        self.given += 1;
        answer
    }

    /// Counts up; returns whether there is a next path.
    fn turn(&mut self) -> bool {
        self.given = 0;
        while let Some((answer, of)) = self.digits.pop() {
            if answer + 1 < of {
                self.digits.push((answer + 1, of));
                return true;
            }
        }
        false
    }
}
