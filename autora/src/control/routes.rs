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
    model::{self, ErrorName},
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

/// Answers a request.
pub(super) async fn answer(request: &Request<Incoming>, context: &Arc<ControlContext>, access: Access) -> Answer {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return answer::and_close(answer::read_only());
    }
    if !request.body().is_end_stream() {
        // The body is not read, so the next request cannot be found behind it.
        return answer::and_close(bad_request("a request must not have a body"));
    }
    let path = request.uri().path();
    let query = request.uri().query().unwrap_or_default();
    let answered = match (access, path) {
        (_, "/metrics") => metrics::answer(context).await,
        (_, "/healthz") => Ok(health(context).await),
        (Access::Everything, "/v1/status") => status(context).await.map(|status| answer::json(StatusCode::OK, &status)),
        (Access::Everything, "/v1/interfaces") => match Selection::from_query(query, &["name", "state"]) {
            Ok(selection) => stream::interfaces(context, selection).await,
            Err(why) => Ok(bad_request(why)),
        },
        (Access::Everything, "/v1/events") => Ok(match Selection::from_query(query, &["name"]) {
            Ok(selection) => {
                let answer = stream::events(context, selection);
                watcher::wake(context);
                answer
            }
            Err(why) => bad_request(why),
        }),
        (Access::Everything, path) => match path.strip_prefix("/v1/interfaces/") {
            Some(name) => interface(context, name).await,
            None => Ok(not_found()),
        },
        (Access::Metrics, _) => Ok(not_found()),
    };
    answered.unwrap_or_else(|NoAnswer| answer::unavailable())
}

fn not_found() -> Answer {
    answer::error(
        StatusCode::NOT_FOUND,
        ErrorName::NotFound,
        "no such path; the control API has /v1/status, /v1/interfaces, /v1/interfaces/NAME, /v1/events, /metrics and /healthz",
    )
}

/// Answers 200 if the event loop answers in time.
async fn health(context: &ControlContext) -> Answer {
    match timeout(HEALTH_LIMIT, context.event_loop.overview()).await {
        Ok(Ok(_)) => answer::whole(StatusCode::OK, "application/json", b"{\"status\":\"ok\"}\n".to_vec()),
        Ok(Err(NoAnswer)) | Err(_) => answer::unavailable(),
    }
}

async fn interface(context: &ControlContext, encoded: &str) -> Result<Answer, NoAnswer> {
    let Some(name) = decode(encoded) else { return Ok(bad_request("the interface name is not valid UTF-8")) };
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
    let error = model::Error { error: ErrorName::UnknownInterface, message, matches: Some(matches) };
    answer::json(StatusCode::NOT_FOUND, &error)
}

fn bad_request(message: impl Into<String>) -> Answer {
    answer::error(StatusCode::BAD_REQUEST, ErrorName::BadRequest, message)
}
