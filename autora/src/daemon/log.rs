//! What the daemon says: one line for each change of state, with fields; nothing per packet above TRACE.

use std::{fmt, io, time::Duration};

use tracing::{Level, debug, enabled, error, info, trace, warn};

use crate::{
    addr::IfIndex,
    config::Config,
    engine::{
        Fleet,
        action::{Cause, Fault, Report, StateChange, Transmission},
        advertiser::SolicitedRa,
        counts::InterfaceCounts,
        eligibility::{self, Service, Verdict},
        interface::Host,
    },
    sys::{
        filter::{self, Counters, ServeError},
        netlink,
    },
};

/// What the daemon itself counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Unsolicited advertisements that left.
    pub(super) unsolicited: u64,
    /// Answers that left.
    pub(super) solicited: u64,
    /// Final advertisements that left.
    pub(super) finals: u64,
    /// Tries to send that failed.
    pub(super) send_failures: u64,
    /// Solicitations that came through.
    pub(super) solicitations: u64,
}

impl Tally {
    /// Counts an advertisement that left.
    pub(super) fn sent(&mut self, cause: Cause) {
        match cause {
            Cause::Unsolicited => self.unsolicited += 1,
            Cause::Solicited => self.solicited += 1,
            Cause::Final => self.finals += 1,
        }
    }
}

/// Conditions of the whole host that deserve one warning each when they begin.
#[derive(Debug, Default)]
pub(super) struct HostConcerns {
    not_forwarding: bool,
    neighbour_table_small: bool,
}

impl HostConcerns {
    pub(super) fn update(&mut self, host: &Host, fleet: &Fleet) {
        let mut served = 0_usize;
        let mut in_a_hole = false;
        for (_, verdict) in fleet.verdicts() {
            if let Verdict::Serve(service) = verdict {
                served += 1;
                in_a_hole |= service.leads_nowhere(host);
            }
        }
        if begins(&mut self.not_forwarding, in_a_hole) {
            warn!(
                "net.ipv6.conf.all.forwarding is 0: guests get a default route, and this host drops what they send; \
                 set it to 1"
            );
        }
        let small = eligibility::too_few_neighbours(host, served);
        if begins(&mut self.neighbour_table_small, small) {
            warn!(
                gc_thresh3 = host.neighbour_limit,
                served,
                "the neighbour table is smaller than --send raw needs: some RAs will fail with EINVAL; raise \
                 net.ipv6.neigh.default.gc_thresh3 or use --send packet"
            );
        }
    }
}

/// Notes whether a condition holds; true when that has just begun.
fn begins(noted: &mut bool, holds: bool) -> bool {
    !std::mem::replace(noted, holds) && holds
}

pub(super) fn started(config: &Config, filter: &str, counts: InterfaceCounts) {
    if filter::embedded().is_none() {
        info!("this build carries no eBPF program: `cargo xtask build` makes one that does");
    }
    let InterfaceCounts { served, paused: without_carrier, not_served: refused } = counts;
    info!(
        version = %env!("CARGO_PKG_VERSION"),
        %filter,
        send = %config.send,
        regex = %config.policy.pattern,
        served,
        without_carrier,
        refused,
        "started"
    );
}

pub(super) fn report(report: &Report) {
    let Report { index, name, change } = report;
    let ifindex = index.get();
    match change {
        StateChange::Serving(service) => {
            let Service { prefix, connected_route, .. } = service;
            serving(name, ifindex, service);
            if !connected_route {
                warn!(
                    interface = %name,
                    ifindex,
                    %prefix,
                    "the prefix has no connected route (noprefixroute): answers to the guest need one"
                );
            }
        }
        StateChange::Carrier(service) => serving(name, ifindex, service),
        StateChange::NotServing(reasons) => {
            let names = join(",", reasons.iter().map(eligibility::Reason::name));
            let because = join("; ", reasons);
            info!(interface = %name, ifindex, reasons = %names, because, "not serving");
        }
        StateChange::NoLongerMatching => info!(interface = %name, ifindex, "no longer matches"),
        StateChange::Gone => info!(interface = %name, ifindex, "gone"),
    }
}

fn serving(name: &str, ifindex: u32, service: &Service) {
    let Service { source, prefix, carrier, .. } = service;
    if *carrier {
        info!(interface = %name, ifindex, %source, %prefix, "serving");
    } else {
        info!(interface = %name, ifindex, %source, %prefix, "paused until the carrier is there");
    }
}

/// A full map is a reason like the others, and reported like them.
pub(super) fn serve_failed(index: IfIndex, error: &ServeError) {
    match error {
        ServeError::Full => {}
        ServeError::Map(error) => {
            warn!(ifindex = index.get(), %error, "the filter's map takes no entry: trying again at the next resync");
        }
    }
}

/// A bug, which costs no more than the entry that it concerns.
pub(super) fn fault(fault: Fault) {
    error!(%fault, "a bug in autora: please report it; it goes on");
}

/// At DEBUG, as nobody can bring about more than one in 3 s; at TRACE the filter itself writes a record for each packet.
pub(super) fn solicited(fleet: &Fleet, index: IfIndex, answer: Option<SolicitedRa>) {
    if let Some(SolicitedRa { delay, due }) = answer
        && enabled!(Level::DEBUG)
    {
        let (interface, _) = fleet.schedule_of(index).unwrap_or_default();
        let [delay, due] = [delay, due.since_boot()].map(|time| format!("{}us", time.as_micros()));
        debug!(%interface, ifindex = index.get(), %delay, %due, "solicited");
    }
}

pub(super) fn sends_again(name: &str, send: &Transmission, failed_before: u32) {
    info!(interface = %name, ifindex = send.index.get(), failed_before, "sending works again");
}

pub(super) fn sent(name: &str, send: &Transmission, next_in: Option<Duration>) {
    let (ifindex, cause) = (send.index.get(), send.cause.name());
    trace!(interface = %name, ifindex, source = %send.source, cause, ?next_in, "sent an RA");
}

pub(super) fn send_failed(name: &str, send: &Transmission, error: &io::Error, failures: u32, is_news: bool) {
    let (ifindex, cause) = (send.index.get(), send.cause.name());
    if is_news {
        warn!(interface = %name, ifindex, cause, %error, "an RA could not be sent: trying again until it can");
    } else {
        trace!(interface = %name, ifindex, cause, %error, failures, "an RA could not be sent");
    }
}

pub(super) fn heartbeat(
    counts: InterfaceCounts,
    tally: &Tally,
    netlink: netlink::Counts,
    totals: &Counters,
    socket_drops: u32,
    lines_held_back: u64,
    notifications_dropped: u64,
) {
    let InterfaceCounts { served, paused: without_carrier, not_served: refused } = counts;
    let Tally { unsolicited, solicited, finals, send_failures, solicitations } = tally;
    let netlink::Counts { surveys, questions, overruns } = netlink;
    info!(
        served,
        without_carrier,
        refused,
        ra_unsolicited = unsolicited,
        ra_solicited = solicited,
        ra_final = finals,
        send_failures,
        solicitations,
        packets = %by_reason(totals),
        socket_drops,
        resyncs = surveys,
        single_reads = questions,
        overruns,
        lines_held_back,
        notifications_dropped,
        "heartbeat"
    );
}

/// Every reason that was counted at least once, as `name:count`; `none` if nothing was.
fn by_reason(totals: &Counters) -> String {
    let counted = join(
        ",",
        totals
            .iter()
            .filter(|&(_, count)| count > 0)
            .map(|(reason, count)| format!("{}:{count}", reason.name())),
    );
    if counted.is_empty() { "none".to_owned() } else { counted }
}

/// An entry of the filter's map could not be written: it heals itself after 4 s, or there is nothing behind it.
pub(super) fn map_write_failed(index: IfIndex, error: &io::Error) {
    warn!(ifindex = index.get(), %error, "the filter's map could not be written");
}

fn join(separator: &str, items: impl IntoIterator<Item = impl fmt::Display>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(separator)
}
