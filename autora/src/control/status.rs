//! `/v1/status`: the daemon as a whole.

use autora_common::Reason as Packet;

use super::{
    context::ControlContext,
    model::{Counts, Netlink, OtherRouters, ReasonName, Settings, States, Status, seconds},
    query::{Detail, NoAnswer, Overview},
    render,
};
use crate::{addr::LinkLocal, sys::clock};

/// Returns the status.
pub(super) async fn status(context: &ControlContext) -> Result<Status, NoAnswer> {
    status_of(context, &context.event_loop.overview().await?).await
}

/// Returns the status with these totals. Interfaces are counted here, on the control thread, which keeps the event loop
/// free.
pub(super) async fn status_of(context: &ControlContext, overview: &Overview) -> Result<Status, NoAnswer> {
    let info = &context.info;
    let max_interval = info.parameters.max_interval;
    let heard_others = overview.packets.get(Packet::OtherRouterAdvertisement) > 0;
    let mut pages = context.event_loop.pages(if heard_others { Detail::Full } else { Detail::Brief }).await?;
    let (mut interfaces, mut not_served, mut overdue) = (States::default(), Counts::new(), 0);
    let (mut not_forwarding, mut other_routers) = (0, 0);
    while let Some(rows) = pages.next().await? {
        let now = clock::now();
        for row in rows {
            interfaces.add(row.interface.state.into());
            for reason in &row.interface.reasons {
                *not_served.entry(ReasonName::from(reason).into()).or_default() += 1;
            }
            overdue += u64::from(row.is_overdue(max_interval, now));
            let service = row.interface.service;
            not_forwarding += u64::from(service.is_some_and(|one| one.leads_nowhere(overview.host_forwarding)));
            let router = row.packets.and_then(|packets| packets.other_router);
            other_routers += u64::from(router.is_some_and(|router| render::is_present(&router, now)));
        }
    }
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        time: seconds(clock::wall()),
        uptime_s: seconds(clock::now().saturating_since(info.started)),
        settings: Settings {
            interface_regex: info.pattern.to_string(),
            source_address: info.addresses.source.map(LinkLocal::get),
            several_prefixes: info.addresses.several_prefixes.into(),
            min_ra_interval_s: seconds(info.parameters.min_interval),
            max_ra_interval_s: seconds(max_interval),
            router_lifetime_s: seconds(info.parameters.router_lifetime),
            send: info.send.into(),
        },
        options: info.options.clone(),
        filter: info.filter.clone(),
        interfaces,
        not_served,
        overdue,
        ra_sent: overview.ras.into(),
        ra_send_failures: overview.ras.failures,
        rs: render::solicitations(overview.ras.solicited, &overview.packets),
        socket_drops: overview.socket_drops.map(u64::from),
        other_routers: OtherRouters {
            advertisements: overview.packets.get(Packet::OtherRouterAdvertisement),
            invalid: overview.packets.get(Packet::InvalidAdvertisement),
            interfaces: other_routers,
        },
        not_forwarding,
        accepting_ra: overview.accepting_ra,
        default_route_by_ra: overview.default_route_by_ra,
        netlink: Netlink { resyncs: overview.resyncs, overruns: overview.overruns },
        state_save_failures: overview.state_save_failures,
        notifications_dropped: overview.notifications_dropped,
        log_lines_dropped: overview.log_lines_dropped,
        send_buffers_full: overview.send_buffers_full,
        control_clients: u64::try_from(context.clients()).unwrap_or(u64::MAX),
    })
}
