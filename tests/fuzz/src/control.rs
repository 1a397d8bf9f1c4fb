//! Clients of the control socket: the daemon's own connection handler on a connection in memory, with
//! interfaces that never change. To any bytes of a client the answers are valid HTTP of bounded length.

use std::{collections::BTreeMap, net::Ipv6Addr, str, time::Duration};

use autora::{
    addr::{IfIndex, LinkLocal, Prefix64},
    control::{
        Access, ControlContext, DaemonInfo,
        events::Events,
        limits::{ALIVE_INTERVAL, STALL_LIMIT},
        model::Filter,
        query::{Overview, Queries, Query, Row, channel},
        serve,
    },
    engine::{
        BootInstant,
        counts::RaCounts,
        eligibility::{AddressPolicy, Reason, Service as Served},
        fleet::{InterfaceRow, ServiceState},
        handover::AdvertisedRouter,
        interface::Lifetimes,
        parameters::Parameters,
    },
    settings::SendPath,
    sys::{filter::FilterKind, process_stats::ProcessStats},
    wire::RouterPreference,
};
use regex::Regex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
    runtime,
    sync::watch,
    time::timeout,
};

use crate::seeds;

/// More interfaces than one page has.
const INTERFACES: u32 = 70;

/// The longest answer to a request: all interfaces, or all metrics.
const MOST_PER_REQUEST: usize = 128 << 10;

/// When the Router Lifetime of each interface ends: later than any answer.
const LATER: Duration = Duration::from_secs(1 << 30);

/// The shortest request: a method, a path, an end.
const SHORTEST_REQUEST: usize = 10;

/// Buffer of the connection in each direction: small, so that both sides have to wait for each other.
const ROOM: usize = 512;

/// The virtual clock advances only when all tasks wait, so after this time no further answer comes.
const QUIET: Duration = Duration::from_secs(1);

/// The connection ends within this time after its client has gone: with the next line of events at the
/// latest.
const NOTICED: Duration = ALIVE_INTERVAL.saturating_add(STALL_LIMIT);

/// Writes a request for each path, and some unusual requests, as seeds.
pub fn prepare() {
    let get = |path: &str| format!("\x10GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    let paths = [
        "/v1/status",
        "/v1/interfaces?state=not-served&name=vm*",
        "/v1/interfaces/vm%31",
        "/v1/events?name=vm1",
        "/metrics",
        "/healthz",
    ];
    let odd = [
        "\x00HEAD /v1/interfaces HTTP/1.1\r\n\r\n",
        "\x01POST /v1/status HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
        "\x7fGET /v1/status HTTP/1.1\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "\x02PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    let requests = paths.iter().map(|path| get(path)).chain(odd.map(str::to_owned));
    seeds::write(requests.map(String::into_bytes));
}

/// Takes the first byte as access and size of the client's writes; sends the others.
pub fn check(bytes: &[u8]) {
    let Some((&first, sent)) = bytes.split_first() else { return };
    let access = if first & 0x80 == 0 { Access::Everything } else { Access::Metrics };
    let piece = usize::from(first & 0x7f) + 1;
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let answers = runtime.expect("a runtime").block_on(converse(sent, piece, access));
    let most = (sent.len() / SHORTEST_REQUEST + 1) * MOST_PER_REQUEST;
    assert!(answers.len() <= most, "{} bytes for {} bytes", answers.len(), sent.len());
    check_answers(&answers);
}

/// Sends all bytes and returns all answers. Then the client closes its end, and the connection has to end.
async fn converse(sent: &[u8], piece: usize, access: Access) -> Vec<u8> {
    let (event_loop, queries) = channel();
    let (_ending, ends) = watch::channel(false);
    tokio::spawn(answer(queries));
    let (ours, theirs) = duplex(ROOM);
    let connection = tokio::spawn(async move {
        serve(theirs, &ControlContext::new(info(), event_loop, Events::default(), ends), access).await;
    });
    let (mut reader, mut writer) = split(ours);
    let sent = sent.to_owned();
    let write = tokio::spawn(async move {
        for piece in sent.chunks(piece) {
            if writer.write_all(piece).await.is_err() {
                // The handler has closed the connection.
                break;
            }
        }
        writer
    });
    let mut answers = Vec::new();
    while let Ok(Ok(1..)) = timeout(QUIET, reader.read_buf(&mut answers)).await {}
    write.abort();
    _ = write.await;
    drop(reader);
    timeout(NOTICED, connection).await.expect("the connection ends").expect("and does not panic");
    answers
}

/// Answers queries in place of the event loop.
async fn answer(mut queries: Queries) {
    let row = |index: IfIndex| (index.get() <= INTERFACES).then(|| row(index));
    while let Some(query) = queries.recv().await {
        match query {
            Query::Overview(reply) => drop(reply.send(Overview::default())),
            Query::Indices(reply) => drop(reply.send((1..=INTERFACES).filter_map(IfIndex::new).collect())),
            Query::Rows { indices, reply, .. } => {
                drop(reply.send(indices.into_iter().filter_map(row).collect()));
            }
            Query::Named(name, reply) => {
                let index = name.strip_prefix("vm").and_then(|number| IfIndex::new(number.parse().ok()?));
                drop(reply.send(index.and_then(row)));
            }
        }
    }
}

/// Returns the row of an interface; every third is not served.
fn row(index: IfIndex) -> Row {
    let not_served = index.get().is_multiple_of(3);
    let source = LinkLocal::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)).expect("link-local");
    let service = Served {
        source,
        prefix: Prefix64::containing(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0)),
        lifetimes: Lifetimes::default(),
        carrier: true,
        dad: false,
        connected_route: true,
        other_prefix: None,
        force_forwarding: false,
    };
    let interface = InterfaceRow {
        index,
        name: format!("vm{index}"),
        state: if not_served { ServiceState::NotServed } else { ServiceState::Serving },
        reasons: if not_served { vec![Reason::Down, Reason::ForwardingOff] } else { Vec::new() },
        service: (!not_served).then_some(service),
        router: (!not_served).then_some(AdvertisedRouter { source, until: BootInstant::from_boot(LATER) }),
        advertised: None,
        retired: Vec::new(),
        last: None,
        next: None,
        sent: RaCounts::default(),
        last_cause: None,
        failures: 0,
    };
    Row { interface, send_error: None, packets: None }
}

fn info() -> DaemonInfo {
    DaemonInfo {
        started: BootInstant::from_boot(Duration::ZERO),
        pattern: Regex::new("^vm[0-9]+$").expect("a regex"),
        addresses: AddressPolicy::default(),
        parameters: Parameters {
            min_interval: Duration::from_secs(20),
            max_interval: Duration::from_secs(60),
            router_lifetime: Duration::from_secs(180),
            valid_lifetime: Duration::from_secs(86_400),
            preferred_lifetime: Duration::from_secs(14_400),
            preference: RouterPreference::Medium,
        },
        send: SendPath::Packet,
        filter: Filter { mode: FilterKind::Ebpf.into(), program_id: Some(7) },
        options: BTreeMap::from([("interface-regex".to_owned(), "^vm[0-9]+$".to_owned())]),
        metrics_per_interface: true,
        process_stats: ProcessStats::open(),
    }
}

/// Checks a sequence of answers ([RFC 9112 4](https://www.rfc-editor.org/rfc/rfc9112#section-4)). The last
/// one may be incomplete.
fn check_answers(mut answers: &[u8]) {
    while !answers.is_empty() {
        let end = find(answers, b"\r\n\r\n").unwrap_or_else(|| panic!("no end of the head: {}", show(answers)));
        let head = str::from_utf8(&answers[..end]).unwrap_or_else(|_| panic!("no text: {}", show(answers)));
        let mut lines = head.split("\r\n");
        let status = lines.next().expect("a text has a first line");
        let code = status.strip_prefix("HTTP/1.1 ").or_else(|| status.strip_prefix("HTTP/1.0 "));
        let code = code.and_then(|code| code.get(..3)).and_then(|code| code.parse::<u16>().ok());
        assert!(code.is_some_and(|code| (100..600).contains(&code)), "{status}");
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?} in {head}")))
            .collect();
        answers = behind_body(&headers, &answers[end + 4..]);
    }
}

/// Returns the bytes after the body. An answer to HEAD has no body.
fn behind_body<'a>(headers: &[(&str, &str)], body: &'a [u8]) -> &'a [u8] {
    let header = |name| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    if body.is_empty() || body.starts_with(b"HTTP/1.") {
        return body;
    }
    match (header("content-length"), header("transfer-encoding")) {
        (Some(length), None) => {
            let length = length.parse().expect("a length is a number");
            body.get(length..).unwrap_or_else(|| panic!("{length} bytes promised: {}", show(body)))
        }
        (None, Some("chunked")) => behind_chunks(body),
        // Until the connection ends, as HTTP/1.0 has it.
        (None, None) => &[],
        others => panic!("{others:?}"),
    }
}

/// Chunks [RFC 9112 7.1], the last of them may be cut short.
fn behind_chunks(mut body: &[u8]) -> &[u8] {
    while let Some(end) = find(body, b"\r\n") {
        let digits = str::from_utf8(&body[..end]).expect("a length is text");
        let length = usize::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("no length: {}", show(body)));
        let Some(rest) = body.get(end + 2 + length..) else { return &[] };
        let Some(next) = rest.strip_prefix(b"\r\n") else {
            assert!(rest.len() < 2, "a chunk is longer than it says: {}", show(body));
            return &[];
        };
        if length == 0 {
            return next;
        }
        body = next;
    }
    &[]
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned()
}
