//! Answers that are written as they are made: the interfaces page by page, the events one by one.

use std::{io, sync::Arc};

use hyper::body::Bytes;
use tokio::{
    sync::broadcast::error::{RecvError, TryRecvError},
    time::sleep,
};

use super::{
    answer::{self, Answer, Pieces},
    events::{self, Listener},
    limits::ALIVE_INTERVAL,
    model::{Event, Happening, VERSION, seconds},
    query::{Detail, NoAnswer, Pages, Row},
    render,
    routes::Wanted,
    server::Service,
};
use crate::sys::clock;

/// All interfaces that are wanted. Each page waits until the one before is on its way.
pub(super) async fn interfaces(service: &Arc<Service>, wanted: Wanted) -> Result<Answer, NoAnswer> {
    let pages = service.asker.pages(Detail::Full).await?;
    let (pieces, answer) = answer::pieces("application/json");
    let service = Arc::clone(service);
    tokio::spawn(async move {
        tokio::select! {
            // Whoever went away does not need the rest.
            () = pieces.closed() => {}
            _ = write_interfaces(&pieces, pages, &service, &wanted) => {}
        }
    });
    Ok(answer)
}

/// `None` if nobody reads it any more.
async fn write_interfaces(
    pieces: &Pieces,
    mut pages: Pages,
    service: &Service,
    wanted: &Wanted,
) -> Option<()> {
    write(pieces, format!("{{\"time\":{},\"interfaces\":[", seconds(clock::wall())).into()).await?;
    let mut separator: &[u8] = b"\n";
    loop {
        match pages.next().await {
            Ok(Some(rows)) => {
                let page = page(&rows, service, wanted, &mut separator);
                write(pieces, page).await?;
            }
            Ok(None) => return write(pieces, b"\n]}\n".to_vec()).await,
            Err(NoAnswer) => return pieces.send(Err(io::ErrorKind::Interrupted.into())).await.ok(),
        }
    }
}

/// The wanted ones of a page, one a line.
fn page(rows: &[Row], service: &Service, wanted: &Wanted, separator: &mut &[u8]) -> Vec<u8> {
    let (max_interval, now) = (service.facts.parameters.max_interval, clock::now());
    let mut page = Vec::new();
    for row in rows {
        if wanted.has_name(&row.name) && wanted.has_state(render::state(row.standing)) {
            page.extend_from_slice(separator);
            serde_json::to_writer(&mut page, &render::interface(row, max_interval, now))
                .expect("the model has nothing that is not JSON");
            *separator = b",\n";
        }
    }
    page
}

/// Everything that happens from now on, a line each.
pub(super) fn events(service: &Arc<Service>, wanted: Wanted) -> Answer {
    let listener = service.events.listen();
    let (pieces, answer) = answer::pieces("application/x-ndjson");
    let service = Arc::clone(service);
    tokio::spawn(async move {
        // Whoever went away misses nothing.
        _ = write_events(&pieces, listener, &service, &wanted).await;
    });
    answer
}

/// `None` if nobody reads it any more.
async fn write_events(
    pieces: &Pieces,
    mut listener: Listener,
    service: &Service,
    wanted: &Wanted,
) -> Option<()> {
    write_own(pieces, Happening::Hello { api: VERSION, version: env!("CARGO_PKG_VERSION").into() }).await?;
    loop {
        let received = tokio::select! {
            received = listener.recv() => received,
            () = sleep(ALIVE_INTERVAL) => {
                write_own(pieces, Happening::Alive).await?;
                continue;
            }
            () = pieces.closed() => return None,
            () = service.ended() => break,
        };
        match received {
            Ok(event) => write_event(pieces, &event, wanted).await?,
            Err(RecvError::Lagged(count)) => write_own(pieces, Happening::Missed { count }).await?,
            Err(RecvError::Closed) => return Some(()),
        }
    }
    // What the daemon said last.
    loop {
        match listener.try_recv() {
            Ok(event) => write_event(pieces, &event, wanted).await?,
            Err(TryRecvError::Lagged(count)) => write_own(pieces, Happening::Missed { count }).await?,
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(()),
        }
    }
}

async fn write_event(pieces: &Pieces, event: &events::Event, wanted: &Wanted) -> Option<()> {
    let is_wanted = match (&event.place, &event.what) {
        (Some(place), _) => wanted.has_name(&place.name),
        (None, events::Happening::Stopping) => true,
        (None, _) => wanted.is_everything(),
    };
    if is_wanted { write(pieces, line(&render::event(event))).await } else { Some(()) }
}

/// Something that concerns this listener alone.
async fn write_own(pieces: &Pieces, what: Happening) -> Option<()> {
    let event = Event { time: seconds(clock::wall()), interface: None, ifindex: None, what };
    write(pieces, line(&event)).await
}

fn line(event: &Event) -> Vec<u8> {
    let mut line = serde_json::to_vec(event).expect("the model has nothing that is not JSON");
    line.push(b'\n');
    line
}

async fn write(pieces: &Pieces, bytes: Vec<u8>) -> Option<()> {
    if bytes.is_empty() {
        return Some(());
    }
    pieces.send(Ok(Bytes::from(bytes))).await.ok()
}
