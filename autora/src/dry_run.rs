//! The dry run: what would be served, why the rest would not, and every advertisement as it would leave.
//!
//! It writes to standard output, for a person. A reader that goes away ends nothing.

use std::{
    io::{self, Write},
    time::Duration,
};

use crate::{
    config::Config,
    engine::{
        action::{Report, StateChange, Transmission},
        eligibility::{self, Service, Verdict},
        interface::Interface,
    },
    wire::{ALL_NODES, Hex, ipv6},
};

/// The dry run's side of the event loop.
#[derive(Debug)]
pub struct DryRun {
    out: io::Stdout,
    packet: Vec<u8>,
    /// The table of the beginning has said what there is to say.
    introducing: bool,
}

impl Default for DryRun {
    fn default() -> Self {
        Self::new()
    }
}

impl DryRun {
    /// One that writes to standard output.
    #[must_use]
    pub fn new() -> Self {
        Self { out: io::stdout(), packet: Vec::new(), introducing: true }
    }

    /// The settings, and what they mean for every interface there is.
    pub fn introduce(&mut self, config: &Config, interfaces: &[Interface]) {
        self.write(&format!(
            "Dry run: nothing is sent. Interfaces matching {}, advertised every {} to {} s:\n\n{}\n\n",
            config.policy.pattern,
            config.parameters.min_interval.as_secs(),
            config.parameters.max_interval.as_secs(),
            table(config, interfaces),
        ));
    }

    /// From now on changes are reported.
    pub fn introduced(&mut self) {
        self.introducing = false;
    }

    /// A change of state.
    pub fn report(&mut self, report: &Report) {
        if self.introducing {
            return;
        }
        let what = match &report.change {
            StateChange::Serving(service) | StateChange::Carrier(service) => sentence(service),
            StateChange::NotServing(reasons) => {
                format!("would not be served: {}", join(reasons.iter().map(ToString::to_string)))
            }
            StateChange::NoLongerMatching => "no longer matches".to_owned(),
            StateChange::Gone => "is gone".to_owned(),
        };
        self.write(&format!("{} {what}\n", report.name));
    }

    /// An advertisement that would leave now, decoded and in hex, and when the next one is due.
    pub fn show(&mut self, name: &str, send: &Transmission, next_in: Option<Duration>) {
        ipv6::encode(&mut self.packet, send.source.get(), ALL_NODES, |out| send.advert.encode(out));
        let next = next_in.map_or_else(String::new, |next| format!(", next in {:.1} s", next.as_secs_f32()));
        let text = format!(
            "\n{name} RA {} -> {ALL_NODES} ({}{next})\n{}{}\n",
            send.source,
            send.cause.name(),
            send.advert,
            Hex(&self.packet),
        );
        self.write(&text);
    }

    fn write(&mut self, text: &str) {
        // Nobody reads any more (`| head`): the daemon's own life does not hang on that.
        drop(self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()));
    }
}

/// One line for each interface, served ones first.
fn table(config: &Config, interfaces: &[Interface]) -> String {
    let mut rows: Vec<_> = interfaces
        .iter()
        .map(|interface| match eligibility::decide(&config.policy, interface, None) {
            Verdict::Serve(service) => (0, &interface.name, sentence(&service)),
            Verdict::Refuse(reasons) => {
                let why = join(reasons.iter().map(|reason| format!("{reason} ({})", reason.name())));
                (1, &interface.name, format!("would not be served: {why}"))
            }
            Verdict::Ignore => (2, &interface.name, "does not match".to_owned()),
        })
        .collect();
    rows.sort();
    let width = rows.iter().map(|(_, name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<_> = rows.iter().map(|(_, name, what)| format!("  {name:<width$}  {what}")).collect();
    lines.join("\n")
}

fn sentence(service: &Service) -> String {
    let Service { source, prefix, carrier, connected_route, .. } = service;
    let carrier = if *carrier { "" } else { ", once it has a carrier" };
    let route = if *connected_route { "" } else { "; but the prefix has no connected route (noprefixroute)" };
    format!("would be served from {source} with {prefix}{carrier}{route}")
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join("; ")
}
