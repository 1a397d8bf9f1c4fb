//! The stable names. Scripts, dashboards and alerts of operators depend on them, so none may change or go; a
//! new one is added here.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{model::schema::schema, testing::converse};

const STATES: &[&str] = &["ceasing", "not-served", "paused", "serving"];

const REASONS: &[&str] = &[
    "down",
    "enslaved",
    "filter-error",
    "filter-full",
    "forwarding-off",
    "ipv6-disabled",
    "loopback",
    "no-link-local",
    "no-multicast",
    "no-prefix",
    "served-by-another",
    "several-prefixes",
];

const PACKET_REASONS: &[&str] = &[
    "coalesced",
    "code",
    "fragment",
    "hop-limit",
    "invalid-advertisement",
    "next-header",
    "not-served",
    "option-length",
    "other-router-advertisement",
    "passed",
    "too-many-options",
    "too-short",
    "type",
    "unspecified-with-source-link-layer",
];

const WAITS_FOR: &[&str] = &["carrier", "detection"];

const CAUSES: &[&str] = &["final", "solicited", "unsolicited"];

const EVENTS: &[&str] = &[
    "alive",
    "current",
    "gone",
    "hello",
    "missed",
    "no-longer-matching",
    "not-served",
    "other-router",
    "paused",
    "ra-failed",
    "ra-sent",
    "rs-accepted",
    "rs-dropped",
    "serving",
    "stopping",
];

const ERRORS: &[&str] = &["bad-request", "busy", "not-found", "read-only", "unavailable", "unknown-interface"];

const FILTERS: &[&str] = &["classic", "ebpf"];

/// Without the suffixes `_total` and `_info`, which the format adds by type.
const METRICS: &[&str] = &[
    "autora_build info",
    "autora_control_clients gauge",
    "autora_filter info",
    "autora_first_ra_delay_seconds histogram",
    "autora_interface_last_ra_age_seconds gauge",
    "autora_interface_other_router_ra counter",
    "autora_interface_ra_send_failures counter",
    "autora_interface_ra_sent counter",
    "autora_interface_rs_coalesced counter",
    "autora_interface_rs_dropped counter",
    "autora_interface_state gauge",
    "autora_interfaces gauge",
    "autora_interfaces_accepting_ra gauge",
    "autora_interfaces_default_route_by_ra gauge",
    "autora_interfaces_not_forwarding gauge",
    "autora_interfaces_not_served gauge",
    "autora_interfaces_overdue gauge",
    "autora_log_lines_dropped counter",
    "autora_max_ra_interval_seconds gauge",
    "autora_netlink_overruns counter",
    "autora_netlink_resyncs counter",
    "autora_notifications_dropped counter",
    "autora_other_router_ra counter",
    "autora_other_router_ra_invalid counter",
    "autora_other_routers gauge",
    "autora_ra_send_failures counter",
    "autora_ra_sent counter",
    "autora_rs_answer_lateness_seconds histogram",
    "autora_rs_answered counter",
    "autora_rs_coalesced counter",
    "autora_rs_dropped counter",
    "autora_rs_passed counter",
    "autora_send_buffers_full counter",
    "autora_socket_drops counter",
    "autora_state_save_failures counter",
    "process_cpu_seconds counter",
    "process_max_fds gauge",
    "process_open_fds gauge",
    "process_resident_memory_bytes gauge",
    "process_start_time_seconds gauge",
    "process_virtual_memory_bytes gauge",
];

#[test]
fn stable_names_do_not_change() {
    assert_eq!(variants("State"), set(STATES));
    assert_eq!(variants("ReasonName"), set(REASONS));
    assert_eq!(variants("WaitsFor"), set(WAITS_FOR));
    assert_eq!(variants("Cause"), set(CAUSES));
    assert_eq!(variants("ErrorName"), set(ERRORS));
    assert_eq!(variants("FilterKind"), set(FILTERS));
    assert_eq!(variants("event"), set(EVENTS));
    assert_eq!(names(autora_common::Reason::ALL.map(autora_common::Reason::name)), set(PACKET_REASONS));
    let metrics = converse("GET /metrics HTTP/1.0\r\n\r\n");
    assert_eq!(names(metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "))), set(METRICS));
}

/// Returns the names that an enum of the schema has: with a description each, without, or as the tag of an
/// object.
fn variants(definition: &str) -> BTreeSet<String> {
    let definition = &schema()["$defs"][definition];
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let one_of = items(&definition["oneOf"]);
    let tags = one_of.iter().map(|one| &one["properties"]["event"]["const"]);
    let constants = one_of.iter().map(|one| &one["const"]).chain(tags);
    let plain = items(&definition["enum"]);
    names(constants.chain(&plain).filter_map(Value::as_str))
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn set(list: &[&str]) -> BTreeSet<String> {
    names(list.iter().copied())
}
