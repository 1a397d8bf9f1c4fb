//! A connection to the control API over memory, in front of a daemon without interfaces.

use std::{collections::BTreeMap, time::Duration};

use regex::Regex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    runtime,
    sync::watch,
    time::timeout,
};

use super::{
    context::{ControlContext, DaemonInfo},
    events::Events,
    limits::{ALIVE_INTERVAL, STALL_LIMIT},
    model::Filter,
    query::{self, Overview, Queries, Query},
    routes::Access,
    server::serve,
};
use crate::{
    engine::{BootInstant, eligibility::AddressPolicy, parameters::Parameters},
    settings::SendPath,
    sys::{filter::FilterKind, process_stats::ProcessStats},
    wire::RouterPreference,
};

/// Sends `request` and returns all answers until the connection is quiet. Then disconnects, which the
/// connection has to notice. Virtual time passes only when no task can run.
pub(super) fn converse(request: &'static str) -> String {
    const QUIET: Duration = Duration::from_secs(1);
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (event_loop, queries) = query::channel();
        tokio::spawn(answer(queries));
        let (_ending, ends) = watch::channel(false);
        let (mut client, connection) = duplex(1_024);
        let served = tokio::spawn(async move {
            let context = ControlContext::new(info(), event_loop, Events::default(), ends);
            serve(connection, &context, Access::Everything).await;
        });
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answers = Vec::new();
        while let Ok(Ok(1..)) = timeout(QUIET, client.read_buf(&mut answers)).await {}
        drop(client);
        timeout(ALIVE_INTERVAL + STALL_LIMIT, served).await.expect("the connection ends").unwrap();
        String::from_utf8(answers).unwrap()
    })
}

/// Answers queries in place of the event loop.
async fn answer(mut queries: Queries) {
    while let Some(query) = queries.recv().await {
        match query {
            Query::Overview(reply) => {
                _ = reply.send(Overview { socket_drops: Some(0), ..Overview::default() });
            }
            Query::Indices(reply) => _ = reply.send(Vec::new()),
            Query::Rows { reply, .. } => _ = reply.send(Vec::new()),
            Query::Named(_, reply) => _ = reply.send(None),
        }
    }
}

fn info() -> DaemonInfo {
    let second = Duration::from_secs(1);
    DaemonInfo {
        started: BootInstant::from_boot(Duration::ZERO),
        pattern: Regex::new("^vm").unwrap(),
        addresses: AddressPolicy::default(),
        parameters: Parameters {
            min_interval: 20 * second,
            max_interval: 60 * second,
            router_lifetime: 180 * second,
            valid_lifetime: 86_400 * second,
            preferred_lifetime: 14_400 * second,
            preference: RouterPreference::Medium,
        },
        send: SendPath::Packet,
        filter: Filter { mode: FilterKind::Ebpf.into(), program_id: None },
        options: BTreeMap::new(),
        metrics_per_interface: true,
        process_stats: ProcessStats::open(),
    }
}
