use regex::Regex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    runtime,
    sync::watch,
    time::timeout,
};

use super::*;
use crate::{
    control::{
        DaemonInfo,
        events::Events,
        limits::{ALIVE_INTERVAL, STALL_LIMIT},
        model,
        query::{self, Overview, Query},
    },
    engine::{BootInstant, parameters::Parameters},
    settings::SendPath,
    sys::{filter::FilterKind, process_stats::ProcessStats},
};

/// What a client says, and the codes of the answers that it gets before the connection ends.
const CONVERSATIONS: [(&str, &[&str]); 16] = [
    ("", &[]),
    ("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n", &["200"]),
    ("GET /healthz HTTP/1.0\r\n\r\n", &["200"]),
    ("HEAD /healthz HTTP/1.1\r\n\r\n", &["200"]),
    ("GET /healthz HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\n\r\n", &["200", "404"]),
    ("PUT /healthz HTTP/1.1\r\ncontent-length: 2\r\n\r\nxxGET /healthz HTTP/1.1\r\n\r\n", &["405"]),
    ("GET /healthz HTTP/1.1\r\n\r\n\0garbage\r\n\r\n", &["200", "400"]),
    ("GET", &[]),
    ("\r\n\r\n\r\n", &[]),
    ("GET /healthz HTTP/9.9\r\n\r\n", &["400"]),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[]),
    ("GET /healthz HTTP/1.1\r\nhost", &[]),
    ("GET /healthz HTTP/1.1\r\ncontent-length: 0\r\n\r\n", &["200"]),
    // A body that nobody reads, and something that is no request behind it.
    (
        "GET /v1/status HTTP/1.1\r\ntransfer-encoding: chunked\r\nexpect: 050-continue\r\n\r\n1\r\na\r\n0\r\n\r\nv1/status HTTP/1.1\r\ntransfer-encoding: chunked\r\nexpect: 050-continue\r\n\r\n1\r\na\r\n0\r\n\r\n",
        &["400"],
    ),
    ("GET /v1/events HTTP/1.1\r\n\r\n", &["200"]),
    // With something left to read, the end of the connection only shows when there is something to write.
    ("GET /v1/events HTTP/1.1\r\n\r\n\n", &["200"]),
];

#[test]
fn whatever_a_client_says_it_is_answered_and_its_end_noticed() {
    for (said, expected) in CONVERSATIONS {
        let answers = converse(said);
        let codes: Vec<_> = answers.split("HTTP/1.").skip(1).filter_map(|answer| answer.get(2..5)).collect();
        assert_eq!(codes, expected, "{said:?}: {answers}");
    }
}

/// All that a connection answers to `said`, until nothing comes any more. Then the client is gone, and the connection has
/// to notice. Time stands still while anything is left to do.
fn converse(said: &'static str) -> String {
    const QUIET: Duration = Duration::from_secs(1);
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (event_loop, mut queries) = query::channel();
        tokio::spawn(async move {
            while let Some(query) = queries.recv().await {
                if let Query::Overview(reply) = query {
                    _ = reply.send(Overview::default());
                }
            }
        });
        let (_ending, ends) = watch::channel(false);
        let (mut ours, theirs) = duplex(1_024);
        let connection = tokio::spawn(async move {
            serve(
                theirs,
                &ControlContext::new(info(), event_loop, Events::default(), ends),
                Access::Everything,
            )
            .await;
        });
        ours.write_all(said.as_bytes()).await.unwrap();
        let mut answers = Vec::new();
        while let Ok(Ok(1..)) = timeout(QUIET, ours.read_buf(&mut answers)).await {}
        drop(ours);
        timeout(ALIVE_INTERVAL + STALL_LIMIT, connection).await.expect("it ends").unwrap();
        String::from_utf8(answers).unwrap()
    })
}

fn info() -> DaemonInfo {
    let second = Duration::from_secs(1);
    DaemonInfo {
        started: BootInstant::from_boot(Duration::ZERO),
        pattern: Regex::new("^vm").unwrap(),
        parameters: Parameters {
            min_interval: 20 * second,
            max_interval: 60 * second,
            router_lifetime: 180 * second,
            valid_lifetime: 86_400 * second,
            preferred_lifetime: 14_400 * second,
        },
        send: SendPath::Packet,
        filter: model::Filter { mode: FilterKind::Ebpf, program_id: None },
        metrics_per_interface: false,
        process_stats: ProcessStats::open(),
    }
}
