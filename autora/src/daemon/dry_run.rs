//! The dry run: which interfaces would be served, why the others would not, and every RA as it would leave.
//!
//! Writes to standard output, and ends with its reader (`| head`).

use std::{
    io::{self, ErrorKind, Write},
    time::Duration,
};

use crate::{
    config::Config,
    control::event::{Event, EventKind},
    engine::{
        action::{StateChange, Transmission},
        eligibility::{self, InUse, Service, Verdict},
        interface::Interface,
    },
    sys::output_reader::OutputReader,
    wire::{ALL_NODES, Hex, ipv6},
};

/// The output of a dry run.
#[derive(Debug)]
pub(super) struct DryRun {
    out: io::Stdout,
    reader: OutputReader,
    /// Why standard output takes no more.
    failed: Option<io::Error>,
    packet: Vec<u8>,
    /// Changes are not shown yet: the table at the beginning has them.
    is_starting: bool,
}

impl DryRun {
    /// Shows the settings, and the verdict on every interface of the host.
    pub(super) fn new(config: &Config, interfaces: &[Interface]) -> Self {
        let (out, reader) = (io::stdout(), OutputReader::watch());
        let mut dry_run = Self { out, reader, failed: None, packet: Vec::new(), is_starting: true };
        dry_run.write(&format!(
            "Dry run: nothing is sent; ends with Ctrl-C. Interfaces matching {}, advertised every {} to {} s:\n\n\
             {}\n\n",
            config.policy.pattern,
            config.parameters.min_interval.as_secs(),
            config.parameters.max_interval.as_secs(),
            table(config, interfaces),
        ));
        dry_run
    }

    /// Shows changes from now on.
    pub(super) const fn started(&mut self) {
        self.is_starting = false;
    }

    /// Shows a change of state, or an RA as it would leave.
    pub(super) fn show(&mut self, event: &Event<'_>) {
        let name = event.interface.map_or("", |interface| interface.name);
        if let EventKind::Sent { transmission, next_in, .. } = event.kind {
            self.show_ra(name, transmission, next_in);
        } else if let EventKind::Changed(change) = event.kind
            && !self.is_starting
        {
            self.show_change(name, change);
        }
    }

    fn show_change(&mut self, name: &str, change: &StateChange) {
        let what = match change {
            StateChange::Serving(service) | StateChange::Carrier(service) => sentence(service),
            StateChange::NotServing(reasons) => {
                format!("would not be served: {}", join(reasons.iter().map(ToString::to_string)))
            }
            StateChange::NoLongerMatching => "no longer matches".to_owned(),
            StateChange::Gone => "is gone".to_owned(),
        };
        self.write(&format!("{name} {what}\n"));
    }

    /// Shows an RA decoded and in hex, and when the next one is due.
    fn show_ra(&mut self, name: &str, transmission: &Transmission, next_in: Option<Duration>) {
        let Transmission { source, cause, advert, .. } = transmission;
        ipv6::encode(&mut self.packet, source.get(), ALL_NODES, |out| advert.encode(out));
        let next = next_in.map_or_else(String::new, |next| format!(", next in {:.1} s", next.as_secs_f32()));
        let (cause, hex) = (cause.name(), Hex(&self.packet));
        let text = format!("\n{name} RA {source} -> {ALL_NODES} ({cause}{next})\n{advert}{hex}\n");
        self.write(&text);
    }

    fn write(&mut self, text: &str) {
        if self.failed.is_none() {
            self.failed = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).err();
        }
    }

    /// Waits until standard output takes no more; without end if it always does.
    pub(super) async fn closed(&self) {
        if self.failed.is_none() {
            self.reader.gone().await;
        }
    }

    /// Returns the error of standard output. That its reader has closed it is none.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.failed.take().filter(|error| error.kind() != ErrorKind::BrokenPipe)
    }
}

/// Returns one line for each interface, served ones first.
fn table(config: &Config, interfaces: &[Interface]) -> String {
    let mut rows: Vec<_> = interfaces
        .iter()
        .map(|interface| match eligibility::decide(&config.policy, interface, InUse::default()) {
            Verdict::Serve(service) => (0, &interface.name, sentence(&service)),
            Verdict::NotServed(reasons) => {
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
    let Service { source, prefix, .. } = service;
    let until = service.waits_for().map(|what| format!(", once {}", what.condition())).unwrap_or_default();
    format!("would be served from {source} with {prefix}{until}")
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join("; ")
}
