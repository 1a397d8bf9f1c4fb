//! `/metrics`: metrics in the OpenMetrics format. `contrib/docs/src/reference/metrics.md` lists them.

use std::{fmt, sync::Arc};

use autora_common::Reason;
use hyper::StatusCode;
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use self::families::{CONTENT_TYPE, END, Families, encode};
use super::{
    answer::{self, Answer},
    context::ControlContext,
    model::{PacketReason, State, Status},
    query::NoAnswer,
    render,
    status::status_of,
};
use crate::{engine::delays::RaDelays, sys::process_stats::ProcessUsage};

mod families;
mod interfaces;

/// Answers with the totals and, with `--metrics-per-interface`, the series of each interface.
pub(super) async fn answer(context: &Arc<ControlContext>) -> Result<Answer, NoAnswer> {
    let overview = context.event_loop.overview().await?;
    let (status, process) = (status_of(context, &overview).await?, context.info.process_stats.read());
    let totals = encode(Totals { status, delays: overview.delays, process });
    if context.info.metrics_per_interface {
        return Ok(interfaces::answer(context, totals));
    }
    Ok(answer::whole(StatusCode::OK, CONTENT_TYPE, (totals + END).into_bytes()))
}

#[derive(Debug)]
struct Totals {
    status: Status,
    delays: RaDelays,
    process: ProcessUsage,
}

impl Collector for Totals {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        about_the_daemon(&mut families, &self.status)?;
        about_interfaces(&mut families, &self.status)?;
        about_packets(&mut families, &self.status)?;
        about_delays(&mut families, &self.delays)?;
        about_the_process(&mut families, &self.process)
    }
}

fn about_the_daemon(families: &mut Families<'_>, status: &Status) -> fmt::Result {
    families.info("autora_build", "The daemon's version", &[("version", &status.version)])?;
    let program = status.filter.program_id.map_or_else(String::new, |id| id.to_string());
    let filter = [("mode", status.filter.mode.to_string()), ("program_id", program)];
    families.info(
        "autora_filter",
        "The filter of the receiving socket, and the id of its program in the kernel",
        &filter,
    )?;
    families
        .gauge(
            "autora_max_ra_interval_seconds",
            "The setting --max-ra-interval: longest time between two unsolicited RAs on an interface",
        )?
        .value(status.settings.max_ra_interval_s)?;
    families
        .gauge("autora_control_clients", "Connections on the control socket and the metrics address")?
        .value(status.control_clients)?;
    families.counters([
        ("autora_netlink_resyncs", "Resyncs: times that all interfaces were read again", status.netlink.resyncs),
        (
            "autora_netlink_overruns",
            "Times that notifications of the kernel were lost; a resync follows, at most one a second",
            status.netlink.overruns,
        ),
        ("autora_state_save_failures", "Attempts to write the saved state that failed", status.state_save_failures),
        (
            "autora_notifications_dropped",
            "Messages that the service manager did not accept (NOTIFY_SOCKET)",
            status.notifications_dropped,
        ),
        (
            "autora_log_lines_dropped",
            "Log lines that found no room, as the log's reader had stopped or was too slow",
            status.log_lines_dropped,
        ),
        (
            "autora_send_buffers_full",
            "Times that the sending sockets had no room, so that no RA left on any interface",
            status.send_buffers_full,
        ),
    ])
}

fn about_interfaces(families: &mut Families<'_>, status: &Status) -> fmt::Result {
    let mut by_state = families.gauge("autora_interfaces", "Interfaces that match, by state")?;
    for state in State::ALL {
        by_state.labelled(&[("state", state.name())], status.interfaces.get(state))?;
    }
    let mut not_served = families.gauge(
        "autora_interfaces_not_served",
        "Interfaces that are not served, by reason; one with several reasons counts for each",
    )?;
    for (reason, count) in &status.not_served {
        not_served.labelled(&[("reason", &reason.to_string())], *count)?;
    }
    families
        .gauge(
            "autora_interfaces_overdue",
            "Served interfaces on which no RA has left for longer than the longest interval",
        )?
        .value(status.overdue)?;
    families
        .gauge(
            "autora_other_routers",
            "Interfaces on which another router was heard within its Router Lifetime or the last 30 minutes",
        )?
        .value(status.other_routers.interfaces)?;
    families
        .gauge(
            "autora_interfaces_not_forwarding",
            "Served interfaces whose guests' packets the host drops, as net.ipv6.conf.all.forwarding is 0",
        )?
        .value(status.not_forwarding)?;
    families
        .gauge(
            "autora_interfaces_accepting_ra",
            "Interfaces that match and take RAs of guests (accept_ra 2), at the last resync",
        )?
        .value(status.accepting_ra)?;
    families
        .gauge(
            "autora_interfaces_default_route_by_ra",
            "Served interfaces through which the host has a default route that an RA made, at the last resync",
        )?
        .value(status.default_route_by_ra)
}

fn about_packets(families: &mut Families<'_>, status: &Status) -> fmt::Result {
    let mut sent = families.counter("autora_ra_sent", "RAs that left, by cause")?;
    for (cause, count) in status.ra_sent.by_cause() {
        sent.labelled(&[("cause", cause.name())], count)?;
    }
    families.counters([
        ("autora_ra_send_failures", "Attempts to send an RA that failed; each is tried again", status.ra_send_failures),
        ("autora_rs_answered", "RAs that answered solicitations", status.rs.answered),
        ("autora_rs_passed", "Solicitations that the filter let through", status.rs.passed),
        (
            "autora_rs_coalesced",
            "Valid solicitations that the filter dropped because an answer was pending",
            status.rs.coalesced,
        ),
    ])?;
    let mut dropped = families.counter("autora_rs_dropped", "Packets that were dropped, by reason")?;
    for reason in Reason::ALL.into_iter().filter(|&reason| render::is_drop(reason)) {
        let count = status.rs.dropped.get(&PacketReason(reason).into()).copied().unwrap_or_default();
        dropped.labelled(&[("reason", reason.name())], count)?;
    }
    let others = &status.other_routers;
    families.counters(status.socket_drops.map(|drops| {
        (
            "autora_socket_drops",
            "Packets that the kernel dropped at the receiving socket: no room, or a wrong checksum",
            drops,
        )
    }))?;
    families.counters([
        ("autora_other_router_ra", "Valid RAs of other routers on served interfaces", others.advertisements),
        ("autora_other_router_ra_invalid", "Invalid RAs on served interfaces, which guests ignore", others.invalid),
    ])
}

fn about_delays(families: &mut Families<'_>, delays: &RaDelays) -> fmt::Result {
    families.histogram(
        "autora_first_ra_delay_seconds",
        "Time from when an interface became fit, or had something else to say, to its first RA",
        &delays.first,
    )?;
    families.histogram(
        "autora_rs_answer_lateness_seconds",
        "Time from when the answer to a solicitation was due to when it left",
        &delays.answers,
    )
}

fn about_the_process(families: &mut Families<'_>, process: &ProcessUsage) -> fmt::Result {
    if let Some(seconds) = process.cpu_seconds {
        families.counter("process_cpu_seconds", "CPU time, user and system")?.value(seconds)?;
    }
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Resident memory", process.resident_bytes),
        ("process_virtual_memory_bytes", "Virtual memory", process.virtual_bytes),
        ("process_open_fds", "Open file descriptors", process.open_fds),
        ("process_max_fds", "Limit of open file descriptors", process.max_fds),
    ] {
        if let Some(value) = value {
            families.gauge(name, help)?.value(value)?;
        }
    }
    if let Some(started) = process.started {
        families.gauge("process_start_time_seconds", "Start time, in seconds since 1970")?.value(started)?;
    }
    Ok(())
}
