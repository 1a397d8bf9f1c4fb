//! The paths, and the answer to each.

use std::sync::Arc;

use hyper::{
    Method, Request, StatusCode,
    body::{Body, Incoming},
};
use tokio::time::timeout;

use super::{
    answer::{self, Answer},
    context::ControlContext,
    limits::HEALTH_LIMIT,
    metrics,
    model::{self, ErrorName, EventDetail},
    places::{Place, Purpose},
    query::NoAnswer,
    render,
    selection::{Selection, decode},
    status::status,
    stream, watcher,
};
use crate::sys::clock;

/// The paths that a client may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// All paths.
    Everything,
    /// `/metrics` and `/healthz`.
    Metrics,
}

const NOT_UTF8: &str = "the interface name is not valid UTF-8";

/// Answers a request of a connection that has this place.
pub(super) async fn answer(
    request: &Request<Incoming>,
    context: &Arc<ControlContext>,
    access: Access,
    place: &Place,
) -> Answer {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return answer::and_close(answer::read_only());
    }
    if !request.body().is_end_stream() {
        // The body is not read, so the next request cannot be found behind it.
        return answer::and_close(bad_request("a request must not have a body"));
    }
    let path = request.uri().path();
    let query = request.uri().query().unwrap_or_default();
    let route = Route::of(path, access);
    if access == Access::Everything
        && let Err(busy) = context.places.exchange(place, route.purpose())
    {
        return answer::busy(busy);
    }
    let answered = match route {
        Route::Metrics => metrics::answer(context).await,
        Route::Health => Ok(health(context).await),
        Route::Status => status(context).await.map(|status| answer::json(StatusCode::OK, &status)),
        Route::Interfaces => match Selection::from_query(query, &["name", "state"]) {
            Ok(selection) => stream::interfaces(context, selection).await,
            Err(why) => Ok(bad_request(why)),
        },
        Route::Events => Ok(match Selection::from_query(query, &["name"]) {
            Ok(selection) => {
                let answer = stream::events(context, context.events.listen(), selection, None);
                watcher::wake(context);
                answer
            }
            Err(why) => bad_request(why),
        }),
        Route::Interface(name) => interface(context, name).await,
        Route::EventsOf(name) => events_of(context, name).await,
        Route::Unknown => Ok(not_found()),
    };
    answered.unwrap_or_else(|NoAnswer| answer::unavailable())
}

/// What a path names.
#[derive(Clone, Copy, Debug)]
enum Route<'a> {
    Metrics,
    Health,
    Status,
    Interfaces,
    Events,
    /// One interface, by its encoded name.
    Interface(&'a str),
    /// The state of one interface, and its events from then on.
    EventsOf(&'a str),
    Unknown,
}

impl<'a> Route<'a> {
    fn of(path: &'a str, access: Access) -> Self {
        match (access, path) {
            (_, "/metrics") => Self::Metrics,
            (_, "/healthz") => Self::Health,
            (Access::Metrics, _) => Self::Unknown,
            (Access::Everything, "/v1/status") => Self::Status,
            (Access::Everything, "/v1/interfaces") => Self::Interfaces,
            (Access::Everything, "/v1/events") => Self::Events,
            (Access::Everything, path) => match path.strip_prefix("/v1/interfaces/") {
                // An encoded name contains no slash.
                Some(name) => name.strip_suffix("/events").map_or(Self::Interface(name), Self::EventsOf),
                None => Self::Unknown,
            },
        }
    }

    const fn purpose(self) -> Purpose {
        match self {
            Self::Events => Purpose::Monitor,
            Self::EventsOf(_) => Purpose::Wait,
            Self::Metrics | Self::Health | Self::Status | Self::Interfaces | Self::Interface(_) | Self::Unknown => {
                Purpose::Queries
            }
        }
    }
}

fn not_found() -> Answer {
    answer::error(
        StatusCode::NOT_FOUND,
        ErrorName::NotFound,
        "no such path; the control API has /v1/status, /v1/interfaces, /v1/interfaces/NAME, \
         /v1/interfaces/NAME/events, /v1/events, /metrics and /healthz",
    )
}

/// Answers 200 if the event loop answers in time.
async fn health(context: &ControlContext) -> Answer {
    match timeout(HEALTH_LIMIT, context.event_loop.overview()).await {
        Ok(Ok(_)) => answer::whole(StatusCode::OK, "application/json", b"{\"status\":\"ok\"}\n".to_vec()),
        Ok(Err(NoAnswer)) | Err(_) => answer::unavailable(),
    }
}

/// Answers with the state of one interface and its events from then on. The events are listened to before the state
/// is read, so that none is missed in between.
async fn events_of(context: &Arc<ControlContext>, encoded: &str) -> Result<Answer, NoAnswer> {
    let Some(name) = decode(encoded) else { return Ok(bad_request(NOT_UTF8)) };
    let listener = context.events.listen();
    let row = context.event_loop.named(&name).await?;
    if row.is_none() && !context.info.pattern.is_match(&name) {
        return Ok(unknown(context, &name));
    }
    let max_interval = context.info.parameters.max_interval;
    let current = row.map(|row| Box::new(render::interface(&row, max_interval, clock::now())));
    let answer = stream::events(context, listener, Selection::of(name), Some(EventDetail::Current { current }));
    watcher::wake(context);
    Ok(answer)
}

async fn interface(context: &ControlContext, encoded: &str) -> Result<Answer, NoAnswer> {
    let Some(name) = decode(encoded) else { return Ok(bad_request(NOT_UTF8)) };
    let max_interval = context.info.parameters.max_interval;
    Ok(match context.event_loop.named(&name).await? {
        Some(row) => answer::json(StatusCode::OK, &render::interface(&row, max_interval, clock::now())),
        None => unknown(context, &name),
    })
}

fn unknown(context: &ControlContext, name: &str) -> Answer {
    let pattern = &context.info.pattern;
    let matches = pattern.is_match(name);
    let message = if matches {
        "the daemon knows no interface of this name; the name matches --interface-regex".to_owned()
    } else {
        format!("the name does not match --interface-regex {pattern}")
    };
    let error = model::Error { error: ErrorName::UnknownInterface.into(), message, matches: Some(matches) };
    answer::json(StatusCode::NOT_FOUND, &error)
}

fn bad_request(message: impl Into<String>) -> Answer {
    answer::error(StatusCode::BAD_REQUEST, ErrorName::BadRequest, message)
}
