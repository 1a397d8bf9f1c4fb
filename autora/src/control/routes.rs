//! Which path is answered with what.

use std::{str::FromStr, sync::Arc};

use autora_common::Reason as Packet;
use hyper::{
    Method, Request, StatusCode,
    body::{Body, Incoming},
};
use tokio::time::timeout;

use super::{
    Glob,
    answer::{self, Answer},
    limits::HEALTH_LIMIT,
    metrics,
    model::{self, Adverts, Netlink, OtherRouters, Settings, State, States, Status, seconds},
    query::{Detail, NoAnswer},
    render,
    server::Service,
    stream, watcher,
};
use crate::sys::clock;

/// What a client may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All there is.
    Everything,
    /// Metrics and health.
    Metrics,
}

/// Which interfaces or events are wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    names: Vec<Glob>,
    states: Vec<State>,
}

impl Wanted {
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|glob| glob.matches(name))
    }

    pub(super) fn has_state(&self, state: State) -> bool {
        self.states.is_empty() || self.states.contains(&state)
    }

    /// Whether it is everything.
    pub(super) const fn is_everything(&self) -> bool {
        self.names.is_empty() && self.states.is_empty()
    }
}

/// Answers a request.
pub(super) async fn answer(request: &Request<Incoming>, service: &Arc<Service>, scope: Scope) -> Answer {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return answer::and_close(answer::read_only());
    }
    if !request.body().is_end_stream() {
        // Nobody reads it, and what comes behind it is not waited for.
        return answer::and_close(bad_request("a request has no body here"));
    }
    let path = request.uri().path();
    let query = request.uri().query().unwrap_or_default();
    let answered = match (scope, path) {
        (_, "/metrics") => metrics::answer(service).await,
        (_, "/healthz") => Ok(health(service).await),
        (Scope::Everything, "/v1/status") => {
            status(service).await.map(|status| answer::json(StatusCode::OK, &status))
        }
        (Scope::Everything, "/v1/interfaces") => match wanted(query, &["name", "state"]) {
            Ok(wanted) => stream::interfaces(service, wanted).await,
            Err(why) => Ok(bad_request(why)),
        },
        (Scope::Everything, "/v1/events") => Ok(match wanted(query, &["name"]) {
            Ok(wanted) => {
                let answer = stream::events(service, wanted);
                watcher::wake(service);
                answer
            }
            Err(why) => bad_request(why),
        }),
        (Scope::Everything, path) => match path.strip_prefix("/v1/interfaces/") {
            Some(name) => interface(service, name).await,
            None => Ok(nothing_here()),
        },
        (Scope::Metrics, _) => Ok(nothing_here()),
    };
    answered.unwrap_or_else(|NoAnswer| answer::unavailable())
}

fn nothing_here() -> Answer {
    answer::error(StatusCode::NOT_FOUND, "not-found", "there is nothing under this path")
}

/// Healthy is a daemon whose event loop answers in time.
async fn health(service: &Service) -> Answer {
    match timeout(HEALTH_LIMIT, service.asker.overview()).await {
        Ok(Ok(_)) => answer::whole(StatusCode::OK, "application/json", b"{\"status\":\"ok\"}\n".to_vec()),
        Ok(Err(NoAnswer)) | Err(_) => answer::unavailable(),
    }
}

async fn interface(service: &Service, encoded: &str) -> Result<Answer, NoAnswer> {
    let Some(name) = decode(encoded) else { return Ok(bad_request("the name is not UTF-8")) };
    let max_interval = service.facts.parameters.max_interval;
    Ok(match service.asker.named(&name).await? {
        Some(row) => answer::json(StatusCode::OK, &render::interface(&row, max_interval, clock::now())),
        None => unknown(service, &name),
    })
}

fn unknown(service: &Service, name: &str) -> Answer {
    let pattern = &service.facts.pattern;
    let matches = pattern.is_match(name);
    let message = if matches {
        "the daemon knows no interface of this name; it would match".to_owned()
    } else {
        format!("this name does not match --interface-regex {pattern}")
    };
    let error = model::Error { error: "unknown-interface".into(), message, matches: Some(matches) };
    answer::json(StatusCode::NOT_FOUND, &error)
}

/// The daemon as a whole. The interfaces are counted here, and not where it would hold up the event loop.
pub(super) async fn status(service: &Service) -> Result<Status, NoAnswer> {
    let overview = service.asker.overview().await?;
    let facts = &service.facts;
    let max_interval = facts.parameters.max_interval;
    let heard_others = overview.packets.get(Packet::ForeignAdvertisement) > 0;
    let mut pages = service.asker.pages(if heard_others { Detail::Full } else { Detail::Brief }).await?;
    let (mut interfaces, mut refused, mut overdue, mut other_routers) =
        (States::default(), model::Counts::new(), 0, 0);
    while let Some(rows) = pages.next().await? {
        let now = clock::now();
        for row in rows {
            interfaces.add(render::state(row.standing));
            for reason in &row.reasons {
                *refused.entry(reason.name().into()).or_default() += 1;
            }
            overdue += u64::from(row.is_overdue(max_interval, now));
            let router = row.packets.and_then(|packets| packets.foreign);
            other_routers += u64::from(router.is_some_and(|router| render::is_present(&router, now)));
        }
    }
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        time: seconds(clock::wall()),
        uptime_s: seconds(clock::now().saturating_since(facts.started)),
        settings: Settings {
            interface_regex: facts.pattern.to_string(),
            min_ra_interval_s: seconds(facts.parameters.min_interval),
            max_ra_interval_s: seconds(max_interval),
            router_lifetime_s: seconds(facts.parameters.router_lifetime),
            send: facts.send.clone(),
        },
        filter: facts.filter.clone(),
        interfaces,
        refused,
        overdue,
        ra_sent: Adverts {
            unsolicited: overview.unsolicited,
            solicited: overview.solicited,
            finals: overview.finals,
        },
        ra_send_failures: overview.send_failures,
        rs: render::solicitations(overview.solicited, &overview.packets),
        socket_drops: overview.socket_drops.map(u64::from),
        other_routers: OtherRouters {
            advertisements: overview.packets.get(Packet::ForeignAdvertisement),
            invalid: overview.packets.get(Packet::InvalidAdvertisement),
            interfaces: other_routers,
        },
        netlink: Netlink { resyncs: overview.resyncs, overruns: overview.overruns },
        state_save_failures: overview.state_save_failures,
        control_clients: u64::try_from(service.clients()).unwrap_or(u64::MAX),
    })
}

/// Reads the part of a path behind the question mark. What is not understood is refused, so that a slip of the pen does
/// not go unnoticed.
fn wanted(query: &str, known: &[&str]) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let Some(value) = decode(value) else { return Err("a value is not UTF-8".to_owned()) };
        match key {
            "name" if known.contains(&key) => wanted.names.extend(Glob::from_str(&value)),
            "state" if known.contains(&key) => {
                let state = State::ALL.into_iter().find(|state| state.name() == value);
                wanted.states.push(state.ok_or("state is one of serving, paused, refused and ceasing")?);
            }
            _ => return Err(format!("what can be asked for here is {}", known.join(" and "))),
        }
    }
    Ok(wanted)
}

fn bad_request(message: impl Into<String>) -> Answer {
    answer::error(StatusCode::BAD_REQUEST, "bad-request", message)
}

/// Text in which `%41` stands for A [RFC 3986 2.1]; `None` if it is not UTF-8.
fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [first, behind @ ..] = rest {
        let escaped = match (first, behind) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_paths_are_decoded() {
        for (encoded, expected) in [
            ("vm1", Some("vm1")),
            ("a%20b", Some("a b")),
            ("%c3%A4", Some("ä")),
            ("%ff", None),
            ("%", Some("%")),
            ("%4", Some("%4")),
            ("%zz", Some("%zz")),
        ] {
            assert_eq!(decode(encoded).as_deref(), expected, "{encoded}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let both = &["name", "state"][..];
        for (query, known, expected) in [
            ("", both, true),
            ("name=vm*&state=refused", both, true),
            ("state=refused&state=paused", both, true),
            ("state=bad", both, false),
            ("state", both, false),
            ("states=refused", both, false),
            ("state=refused", &["name"], false),
        ] {
            assert_eq!(wanted(query, known).is_ok(), expected, "{query}");
        }
    }
}
