//! Metrics of each interface (`--metrics-per-interface`). OpenMetrics wants the series of a family together,
//! so the values of all interfaces are gathered first; then one family after the other is written.

use std::{fmt, sync::Arc};

use autora_common::Reason;
use hyper::body::Bytes;
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};
use tokio::time::sleep;

use super::families::{CONTENT_TYPE, END, Families, Family, Value, encode};
use crate::{
    control::{
        answer::{self, Answer, PieceSender},
        context::ControlContext,
        limits::SCRAPE_LIMIT,
        model::{Adverts, State},
        query::{Detail, NoAnswer, Row},
        render,
    },
    engine::{BootInstant, counts::RaCounts},
    sys::{clock, filter::Counters},
};

/// Answers with `totals` and the series of each interface. Clients are served one at a time.
pub(super) fn answer(context: &Arc<ControlContext>, totals: String) -> Answer {
    let context = Arc::clone(context);
    let (pieces, answer) = answer::pieces(CONTENT_TYPE);
    tokio::spawn(async move {
        tokio::select! {
            // A client that has disconnected must not keep others waiting.
            () = pieces.closed() => {}
            () = write(&pieces, &context, totals) => {}
            // Nor must one that reads slowly.
            () = sleep(SCRAPE_LIMIT) => {}
        }
    });
    answer
}

async fn write(pieces: &PieceSender, context: &ControlContext, totals: String) {
    let Ok(_room) = context.large_scrapes.acquire().await else { return };
    let gathered = gather(context).await.map_err(|NoAnswer| std::io::ErrorKind::Interrupted.into());
    let series = match gathered {
        Ok(series) => Arc::new(series),
        // If this fails, the client has disconnected.
        Err(error) => return drop(pieces.send(Err(error)).await),
    };
    let families = FAMILIES.map(|write| FamilyOfAll { series: Arc::clone(&series), write });
    let texts = families.into_iter().map(encode);
    for text in std::iter::once(totals).chain(texts).chain([END.to_owned()]) {
        if pieces.send(Ok(Bytes::from(text))).await.is_err() {
            return;
        }
    }
}

/// The values of one interface.
#[derive(Debug)]
struct Series {
    name: String,
    state: State,
    sent: RaCounts,
    last: Option<BootInstant>,
    packets: Option<Counters>,
}

async fn gather(context: &ControlContext) -> Result<Vec<Series>, NoAnswer> {
    let mut pages = context.event_loop.pages(Detail::Full).await?;
    let mut series = Vec::new();
    while let Some(rows) = pages.next().await? {
        series.extend(rows.into_iter().map(Series::from));
    }
    Ok(series)
}

impl From<Row> for Series {
    fn from(Row { interface, packets, .. }: Row) -> Self {
        Self {
            state: interface.state.into(),
            sent: interface.sent,
            last: interface.last,
            packets: packets.map(|packets| packets.counters),
            name: interface.name,
        }
    }
}

type Write = fn(&mut Families<'_>, &[Series]) -> fmt::Result;

#[derive(Debug)]
struct FamilyOfAll {
    series: Arc<Vec<Series>>,
    write: Write,
}

impl Collector for FamilyOfAll {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.write)(&mut Families(encoder), &self.series)
    }
}

const FAMILIES: [Write; 7] = [states, sent, failures, ages, coalesced, dropped, other_router];

fn states(families: &mut Families<'_>, series: &[Series]) -> fmt::Result {
    let mut family = families.gauge("autora_interface_state", "1 for the present state of the interface")?;
    series
        .iter()
        .try_for_each(|one| family.labelled(&[("interface", one.name.as_str()), ("state", one.state.name())], 1))
}

fn sent(families: &mut Families<'_>, series: &[Series]) -> fmt::Result {
    let mut family = families.counter("autora_interface_ra_sent", "RAs that left, by cause")?;
    for one in series {
        for (cause, count) in Adverts::from(one.sent).by_cause() {
            family.labelled(&[("interface", one.name.as_str()), ("cause", cause.name())], count)?;
        }
    }
    Ok(())
}

fn failures(families: &mut Families<'_>, series: &[Series]) -> fmt::Result {
    let mut family = families.counter("autora_interface_ra_send_failures", "Attempts to send an RA that failed")?;
    series.iter().try_for_each(|one| family.of(one, one.sent.failures))
}

fn ages(families: &mut Families<'_>, series: &[Series]) -> fmt::Result {
    let mut family = families.gauge("autora_interface_last_ra_age_seconds", "Time since the last RA left")?;
    let now = clock::now();
    series.iter().try_for_each(|one| match one.last {
        Some(last) => family.of(one, now.saturating_since(last).as_secs_f64()),
        None => Ok(()),
    })
}

fn coalesced(families: &mut Families<'_>, series: &[Series]) -> fmt::Result {
    let mut family = families.counter(
        "autora_interface_rs_coalesced",
        "Valid solicitations that the filter dropped because an answer was pending",
    )?;
    series.iter().try_for_each(|one| one.counted(&mut family, Reason::Coalesced))
}

/// Leaves out counters that are 0: reasons are many, and most interfaces have few.
fn dropped(families: &mut Families<'_>, series: &[Series]) -> fmt::Result {
    let mut family = families.counter("autora_interface_rs_dropped", "Packets that were dropped, by reason")?;
    series.iter().try_for_each(|one| {
        let counters = one.packets.unwrap_or_default();
        counters.iter().filter(|&(reason, count)| render::is_drop(reason) && count > 0).try_for_each(
            |(reason, count)| family.labelled(&[("interface", one.name.as_str()), ("reason", reason.name())], count),
        )
    })
}

fn other_router(families: &mut Families<'_>, series: &[Series]) -> fmt::Result {
    let mut family = families.counter("autora_interface_other_router_ra", "Valid RAs of other routers")?;
    series.iter().try_for_each(|one| one.counted(&mut family, Reason::OtherRouterAdvertisement))
}

impl Series {
    fn counted(&self, family: &mut Family<'_>, reason: Reason) -> fmt::Result {
        self.packets.map_or(Ok(()), |counters| family.of(self, counters.get(reason)))
    }
}

impl Family<'_> {
    fn of(&mut self, series: &Series, value: impl Into<Value>) -> fmt::Result {
        self.labelled(&[("interface", series.name.as_str())], value)
    }
}
