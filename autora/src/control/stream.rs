//! Answers that are written while they are made: interfaces page by page, events one by one.

use std::{io, sync::Arc};

use hyper::body::Bytes;
use tokio::{
    sync::broadcast::error::{RecvError, TryRecvError},
    time::{Instant, interval_at},
};

use super::{
    answer::{self, Answer, PieceSender},
    context::ControlContext,
    events::Listener,
    limits::ALIVE_INTERVAL,
    model::{EventDetail, EventLine, VERSION, seconds},
    query::{Detail, NoAnswer, Pages, Row},
    render,
    selection::Selection,
};
use crate::sys::clock;

/// Answers with the selected interfaces. A page is made when the client has read the page before.
pub(super) async fn interfaces(context: &Arc<ControlContext>, selection: Selection) -> Result<Answer, NoAnswer> {
    let pages = context.event_loop.pages(Detail::Full).await?;
    let (pieces, answer) = answer::pieces("application/json");
    let context = Arc::clone(context);
    tokio::spawn(async move {
        tokio::select! {
            // The client has disconnected.
            () = pieces.closed() => {}
            _ = write_interfaces(&pieces, pages, &context, &selection) => {}
        }
    });
    Ok(answer)
}

/// Returns `None` if the client has disconnected.
async fn write_interfaces(
    pieces: &PieceSender,
    mut pages: Pages,
    context: &ControlContext,
    selection: &Selection,
) -> Option<()> {
    write(pieces, format!("{{\"time\":{},\"interfaces\":[", seconds(clock::wall())).into()).await?;
    let mut separator: &[u8] = b"\n";
    loop {
        match pages.next().await {
            Ok(Some(rows)) => {
                let page = page(&rows, context, selection, &mut separator);
                write(pieces, page).await?;
            }
            Ok(None) => return write(pieces, b"\n]}\n".to_vec()).await,
            Err(NoAnswer) => return pieces.send(Err(io::ErrorKind::Interrupted.into())).await.ok(),
        }
    }
}

/// Returns the selected interfaces of a page, each on a line.
fn page(rows: &[Row], context: &ControlContext, selection: &Selection, separator: &mut &[u8]) -> Vec<u8> {
    let (max_interval, now) = (context.info.parameters.max_interval, clock::now());
    let mut page = Vec::new();
    for row in rows {
        if selection.has_name(&row.interface.name) && selection.has_state(row.interface.state.into()) {
            page.extend_from_slice(separator);
            serde_json::to_writer(&mut page, &render::interface(row, max_interval, now))
                .expect("the model is representable as JSON");
            *separator = b",\n";
        }
    }
    page
}

/// Answers with the selected events of `listener`, each on a line; after the first line, `hello`, comes `second`.
pub(super) fn events(
    context: &Arc<ControlContext>,
    listener: Listener,
    selection: Selection,
    second: Option<EventDetail>,
) -> Answer {
    let (pieces, answer) = answer::pieces("application/x-ndjson");
    let context = Arc::clone(context);
    tokio::spawn(async move {
        let hello = EventDetail::Hello { api: VERSION, version: env!("CARGO_PKG_VERSION").to_owned() };
        for what in [Some(hello), second].into_iter().flatten() {
            _ = write_own(&pieces, what).await;
        }
        // `None` means that the client has disconnected.
        _ = write_events(&pieces, listener, &context, &selection).await;
    });
    answer
}

/// Returns `None` if the client has disconnected.
async fn write_events(
    pieces: &PieceSender,
    mut listener: Listener,
    context: &ControlContext,
    selection: &Selection,
) -> Option<()> {
    // Counted from the last line that this client got: events of others are no sign of life to it.
    let mut alive = interval_at(Instant::now() + ALIVE_INTERVAL, ALIVE_INTERVAL);
    loop {
        let received = tokio::select! {
            received = listener.recv() => received,
            _ = alive.tick() => {
                write_own(pieces, EventDetail::Alive).await?;
                continue;
            }
            () = pieces.closed() => return None,
            () = context.ended() => break,
        };
        match received {
            Ok(event) if is_wanted(&event, selection) => write(pieces, line(&event)).await?,
            Ok(_) => continue,
            Err(RecvError::Lagged(count)) => write_own(pieces, EventDetail::Missed { count }).await?,
            Err(RecvError::Closed) => return Some(()),
        }
        alive.reset();
    }
    // The daemon stops: send the events that are still queued.
    loop {
        match listener.try_recv() {
            Ok(event) if is_wanted(&event, selection) => write(pieces, line(&event)).await?,
            Ok(_) => {}
            Err(TryRecvError::Lagged(count)) => write_own(pieces, EventDetail::Missed { count }).await?,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(()),
        }
    }
}

fn is_wanted(event: &EventLine, selection: &Selection) -> bool {
    match (&event.interface, &event.what) {
        (Some(name), _) => selection.has_name(name),
        (None, EventDetail::Stopping) => true,
        (None, _) => selection.is_everything(),
    }
}

/// Writes an event that concerns this client alone.
async fn write_own(pieces: &PieceSender, what: EventDetail) -> Option<()> {
    let event = EventLine { time: seconds(clock::wall()), interface: None, ifindex: None, what };
    write(pieces, line(&event)).await
}

fn line(event: &EventLine) -> Vec<u8> {
    let mut line = serde_json::to_vec(event).expect("the model is representable as JSON");
    line.push(b'\n');
    line
}

async fn write(pieces: &PieceSender, bytes: Vec<u8>) -> Option<()> {
    if bytes.is_empty() {
        return Some(());
    }
    pieces.send(Ok(Bytes::from(bytes))).await.ok()
}
