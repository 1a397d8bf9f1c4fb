//! On datagrams between Unix sockets, which are charged to the sender until they are read.

use std::{os::unix::net::UnixDatagram, time::Duration};

use socket2::{Domain, SockAddr, Type};

use super::*;

/// What a lane's test socket accepts: room for two RAs.
const LIMIT: u32 = 16_384;

/// The charge of one test packet.
const PACKET: usize = 5_000;

/// The links: what is sent on each arrives at a socket of its own, and waits until it is read.
struct Bench {
    lanes: Lanes,
    links: Vec<(tempfile::TempDir, UnixDatagram)>,
    now: BootInstant,
}

fn lane() -> Lane {
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
    Lane::new(socket, LIMIT)
}

impl Bench {
    fn new(lanes: usize, links: usize) -> Self {
        let link = |_| {
            let folder = tempfile::tempdir().unwrap();
            let socket = UnixDatagram::bind(folder.path().join("link")).unwrap();
            socket.set_nonblocking(true).unwrap();
            (folder, socket)
        };
        let make = || (0..lanes).map(|_| lane()).collect();
        Self {
            lanes: Lanes::new(make(), make()),
            links: (0..links).map(link).collect(),
            now: BootInstant::from_boot(Duration::from_secs(1_000)),
        }
    }

    /// Sends on a link whose queue passes the packet on at once (`drains`), or keeps it.
    fn send(&mut self, link: usize, drains: bool) -> Result<(), io::ErrorKind> {
        let (folder, socket) = &self.links[link];
        let address = SockAddr::unix(folder.path().join("link")).unwrap();
        let sent = self.lanes.send(index(link), self.now, |from| {
            from.send_to(&[0; PACKET], &address)?;
            if drains {
                drain(socket);
            }
            Ok(())
        });
        self.now += Duration::from_secs(4);
        sent.map_err(|error| error.kind())
    }

    /// Sends on two links at once. The queues of those in `keeping` keep the packet; a link in `failing` takes none.
    fn send_both(&mut self, both: [usize; 2], keeping: &[usize], failing: &[usize]) -> [Result<(), io::ErrorKind>; 2] {
        let links = &self.links;
        let done = self.lanes.send_all(both.map(index).into_iter(), |from| {
            let send = |link: usize| {
                if failing.contains(&link) {
                    return Err(io::ErrorKind::NetworkDown.into());
                }
                let (folder, socket) = &links[link];
                from.send_to(&[0; PACKET], &SockAddr::unix(folder.path().join("link")).unwrap())?;
                if !keeping.contains(&link) {
                    drain(socket);
                }
                Ok(())
            };
            both.map(send).into_iter().collect()
        });
        let done: Vec<_> = done.into_iter().map(|done| done.map_err(|error| error.kind())).collect();
        done.try_into().expect("an outcome for each")
    }

    fn drain(&self, link: usize) {
        drain(&self.links[link].1);
    }
}

fn drain(socket: &UnixDatagram) {
    while socket.recv(&mut [0; PACKET]).is_ok() {}
}

fn index(link: usize) -> IfIndex {
    IfIndex::new(u32::try_from(link + 1).unwrap()).unwrap()
}

const WAITS: Result<(), io::ErrorKind> = Err(io::ErrorKind::ResourceBusy);

#[test]
fn a_link_whose_queue_does_not_drain_has_two_packets_waiting_and_no_more() {
    let mut bench = Bench::new(1, 2);
    for expected in [Ok(()), Ok(()), WAITS, WAITS] {
        assert_eq!(bench.send(0, false), expected);
        assert_eq!(bench.send(1, true), Ok(()), "the other link");
    }
    bench.drain(0);
    assert_eq!(bench.send(0, true), Ok(()));
    assert_eq!(bench.send(0, true), Ok(()));
    assert!(bench.lanes.suspects.is_empty());
}

/// A queue that was slow and is not stuck, beside one that is.
#[test]
fn a_packet_that_is_gone_lets_each_link_that_waits_try_once() {
    let mut bench = Bench::new(2, 3);
    for link in [0, 1] {
        assert_eq!(bench.send(link, false), Ok(()));
        assert_eq!(bench.send(link, false), Ok(()));
        assert_eq!(bench.send(link, false), WAITS);
    }
    bench.drain(0);
    assert_eq!(bench.send(1, false), WAITS, "it was sent, and still waits");
    assert_eq!(bench.send(1, false), WAITS);
    assert_eq!(bench.send(0, true), Ok(()));
    assert_eq!(bench.send(2, true), Ok(()), "the control");
    let waiting = bench.lanes.suspects.keys().copied().collect::<Vec<_>>();
    assert_eq!(waiting, [index(1)]);
}

/// It may leave yet, so the next one keeps its distance [RFC 4861 6.2.6].
#[test]
fn a_packet_that_was_reported_as_failed_and_waits_begins_the_floor() {
    let mut bench = Bench::new(2, 2);
    for link in [0, 1] {
        for expected in [Ok(()), Ok(()), WAITS] {
            assert_eq!(bench.send(link, false), expected);
        }
    }
    bench.drain(0);
    let handed_over = bench.now;
    assert_eq!(bench.send(1, false), WAITS);
    bench.drain(1);
    for (seconds, expected) in [(2, WAITS), (3, Ok(()))] {
        bench.now = handed_over + Duration::from_secs(seconds);
        assert_eq!(bench.send(1, true), expected, "{seconds} s after it");
    }
}

#[test]
fn without_room_in_a_first_lane_nothing_is_sent() {
    let mut bench = Bench::new(1, 4);
    for link in 0..2 {
        assert_eq!((bench.lanes.has_room(1), bench.send(link, false)), (true, Ok(())), "link {link}");
    }
    assert!(!bench.lanes.has_room(1));
    assert_eq!(bench.send(3, true), Err(io::ErrorKind::WouldBlock));
    bench.drain(1);
    assert!(bench.lanes.has_room(1));
    assert_eq!(bench.send(3, true), Ok(()));
}

#[test]
fn of_packets_that_are_sent_together_one_that_waits_makes_all_suspects() {
    for (what, keeping, failing, suspects) in [
        ("both leave", &[][..], &[][..], [false, false]),
        ("one waits", &[1], &[], [true, true]),
        ("one waits, the other fails", &[1], &[0], [false, true]),
        ("one fails", &[], &[0], [false, false]),
    ] {
        let mut bench = Bench::new(1, 2);
        let outcome = |link: usize| if failing.contains(&link) { Err(io::ErrorKind::NetworkDown) } else { Ok(()) };
        assert_eq!(bench.send_both([0, 1], keeping, failing), [0, 1].map(outcome), "{what}");
        assert_eq!([0, 1].map(|link| bench.lanes.suspects(index(link))), suspects, "{what}");
        // The next packet of a suspect goes through a lane of its own, and clears it if it leaves.
        assert_eq!(bench.send(0, true), Ok(()), "{what}");
        assert!(!bench.lanes.suspects(index(0)), "{what}");
    }
}

#[test]
fn without_room_for_all_nothing_is_sent_together() {
    let mut bench = Bench::new(1, 4);
    assert!(bench.lanes.has_room(4) && !bench.lanes.has_room(5), "the control");
    assert_eq!(bench.send_both([0, 1], &[0, 1], &[]), [Ok(()), Ok(())]);
    assert!(!bench.lanes.has_room(2));
    assert_eq!(bench.send_both([2, 3], &[], &[]), [Err(io::ErrorKind::WouldBlock); 2]);
    bench.drain(0);
    bench.drain(1);
    assert_eq!(bench.send_both([2, 3], &[], &[]), [Ok(()), Ok(())]);
}

#[test]
fn a_link_that_is_gone_is_forgotten() {
    let mut bench = Bench::new(1, 1);
    for expected in [Ok(()), Ok(()), WAITS] {
        assert_eq!(bench.send(0, false), expected);
    }
    bench.lanes.forget(index(0));
    assert_eq!(bench.send(0, true), Ok(()), "the next link with this index");
}
