//! The journal's own protocol: one datagram with fields for each line, <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.
//!
//! The socket does not block. A line that is larger than a datagram may be (`net.core.wmem_default`, 208 KiB), which
//! the protocol would pass in a file, is dropped as one that finds no room is.

use std::{fmt, io, os::unix::net::UnixDatagram};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use super::{dropped, priority::priority};

const ADDRESS: &str = "/run/systemd/journal/socket";

/// Sends lines to the journal.
#[derive(Debug)]
pub(super) struct Journal(UnixDatagram);

impl Journal {
    /// Opens a socket, and makes sure that the journal listens: an empty datagram is ignored there.
    pub(super) fn open() -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        match socket.send_to(&[], ADDRESS) {
            // It listens, and does not read now.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(_) | Err(_) => Ok(Self(socket)),
        }
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        dropped::note(self.0.send_to(&Entry::from(event).0, ADDRESS).is_ok());
    }
}

/// The fields of a line, in the form of the protocol.
struct Entry(Vec<u8>);

impl From<&Event<'_>> for Entry {
    fn from(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut entry = Self(Vec::with_capacity(256));
        entry.put("PRIORITY", &priority(*metadata.level()).to_string());
        entry.put("SYSLOG_IDENTIFIER", "autora");
        entry.put("TARGET", metadata.target());
        metadata.file().iter().for_each(|file| entry.put("CODE_FILE", file));
        metadata.line().iter().for_each(|line| entry.put("CODE_LINE", &line.to_string()));
        event.record(&mut entry);
        entry
    }
}

impl Entry {
    /// Adds a field in the form that allows any bytes: its name, the length of the value, and the value.
    fn put(&mut self, name: &str, value: &str) {
        let length = u64::try_from(value.len()).expect("a line fits into memory");
        let parts: [&[u8]; 5] = [name.as_bytes(), b"\n", &length.to_le_bytes(), value.as_bytes(), b"\n"];
        self.0.extend_from_slice(&parts.concat());
    }
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(&journal_name(field.name()), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(&journal_name(field.name()), &format!("{value:?}"));
    }
}

/// Returns the field's name in the journal: `MESSAGE`, or in capitals behind `AUTORA_`.
fn journal_name(name: &str) -> String {
    if name == "message" {
        return "MESSAGE".to_owned();
    }
    format!("AUTORA_{}", name.replace(['.', '#'], "_").to_uppercase())
}
