//! While a client listens to events, the filter's counters are read once a second, and their changes become
//! events.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use autora_common::Reason;
use tokio::time::sleep;

use super::{
    context::ControlContext,
    event::{Event, EventKind, InterfaceRef},
    limits::WATCH_INTERVAL,
    query::{Detail, NoAnswer, Row},
    render,
};
use crate::{
    addr::IfIndex,
    engine::BootInstant,
    sys::filter::{Counters, InterfaceStats},
};

/// Starts the watcher unless it runs. It ends when no client listens any more.
pub(super) fn wake(context: &Arc<ControlContext>) {
    if !context.watched.swap(true, Ordering::SeqCst) {
        tokio::spawn(watch(Arc::clone(context)));
    }
}

async fn watch(context: Arc<ControlContext>) {
    let mut watcher = Watcher::default();
    while context.events.are_wanted() {
        // If the event loop does not answer now, the next second tries again.
        _ = watcher.compare(&context).await;
        sleep(WATCH_INTERVAL).await;
    }
    // The runtime has one thread, so no client can have begun to listen since the check above.
    context.watched.store(false, Ordering::SeqCst);
}

/// The counters as last read.
#[derive(Debug, Default)]
struct Watcher {
    totals: Option<Counters>,
    interfaces: HashMap<IfIndex, (Counters, Option<BootInstant>)>,
}

impl Watcher {
    /// Publishes what has changed since the last call. Interfaces are read only if the totals have changed.
    async fn compare(&mut self, context: &ControlContext) -> Result<(), NoAnswer> {
        let totals = context.event_loop.overview().await?.packets;
        if self.totals == Some(totals) {
            return Ok(());
        }
        let mut pages = context.event_loop.pages(Detail::Full).await?;
        let before = std::mem::take(&mut self.interfaces);
        let is_first = self.totals.is_none();
        while let Some(rows) = pages.next().await? {
            for row in rows {
                let Some(packets) = row.packets else { continue };
                if !is_first {
                    publish_changes(context, &row, &packets, before.get(&row.interface.index));
                }
                let seen = packets.other_router.map(|router| router.seen);
                self.interfaces.insert(row.interface.index, (packets.counters, seen));
            }
        }
        if let Some(before) = self.totals.replace(totals) {
            publish_not_served(context, &totals, &before);
        }
        Ok(())
    }
}

/// Publishes what has changed on one interface since `before`.
fn publish_changes(
    context: &ControlContext,
    row: &Row,
    packets: &InterfaceStats,
    before: Option<&(Counters, Option<BootInstant>)>,
) {
    let interface = Some(InterfaceRef { index: row.interface.index, name: &row.interface.name });
    let publish = |kind| context.events.publish(&Event { interface, kind });
    let (counted, seen) = before.copied().unwrap_or_default();
    let dropped =
        only(&since(&packets.counters, &counted), |reason| render::is_drop(reason) || reason == Reason::Coalesced);
    if dropped != Counters::default() {
        publish(EventKind::Dropped(dropped));
    }
    if let Some(router) = packets.other_router
        && Some(router.seen) != seen
    {
        publish(EventKind::OtherRouter(router));
    }
}

/// Publishes packets on interfaces that are not served; the filter counts those for the whole daemon only.
fn publish_not_served(context: &ControlContext, totals: &Counters, before: &Counters) {
    let dropped = only(&since(totals, before), |reason| reason == Reason::NotServed);
    if dropped != Counters::default() {
        context.events.publish(&Event { interface: None, kind: EventKind::Dropped(dropped) });
    }
}

/// Returns what was counted since `before`; everything if the counters were reset, as when an interface is
/// served anew.
fn since(counters: &Counters, before: &Counters) -> Counters {
    let is_reset = Reason::ALL.iter().any(|&reason| counters.get(reason) < before.get(reason));
    Counters::new(Reason::ALL.map(|reason| counters.get(reason) - if is_reset { 0 } else { before.get(reason) }))
}

/// Returns the counters of the reasons that are `wanted`; all others are 0.
fn only(counters: &Counters, wanted: impl Fn(Reason) -> bool) -> Counters {
    Counters::new(Reason::ALL.map(|reason| if wanted(reason) { counters.get(reason) } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_were_reset_count_whole() {
        let counters = |passed, code| {
            let of = |reason| if reason == Reason::Passed { passed } else { 0 };
            Counters::new(Reason::ALL.map(|reason| if reason == Reason::Code { code } else { of(reason) }))
        };
        assert_eq!(since(&counters(5, 2), &counters(3, 2)), counters(2, 0));
        assert_eq!(since(&counters(5, 1), &counters(3, 2)), counters(5, 1));
        assert_eq!(only(&counters(5, 1), |reason| reason == Reason::Code), counters(0, 1));
    }
}
