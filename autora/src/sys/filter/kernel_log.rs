//! Forwards the log records of the eBPF filter, one per packet, to the daemon's log at level TRACE.
//!
//! At other levels the daemon loads a program without log statements.

use std::{fmt, io};

use autora_common::Reason;
use aya_log::EbpfLogger;
use log::{Log, Metadata, Record};
use tokio::io::{Interest, unix::AsyncFd};
use tracing::{Level, trace};

/// The tracing target of the records.
const TARGET: &str = "autora::filter";

/// The filter's log records, before the runtime watches them.
pub(crate) struct KernelLog(EbpfLogger<IntoTracing>);

/// The filter's log records, registered with the runtime.
pub(crate) struct KernelLogStream(AsyncFd<EbpfLogger<IntoTracing>>);

/// Returns whether the log level asks for the records.
pub(super) fn wanted() -> bool {
    tracing::enabled!(target: TARGET, Level::TRACE)
}

impl KernelLog {
    /// Takes the ring buffer out of the loaded filter.
    pub(super) fn open(ebpf: &mut aya::Ebpf) -> Option<Self> {
        EbpfLogger::init_with_logger(ebpf, IntoTracing)
            .map(Self)
            .inspect_err(
                |error| tracing::warn!(%error, "cannot read the eBPF filter's log: its packets are not logged"),
            )
            .ok()
    }

    /// Registers the records with the runtime.
    pub(crate) fn into_stream(self) -> io::Result<KernelLogStream> {
        // SAFETY: the logger owns the ring buffer's descriptor until it is dropped, and the `AsyncFd` drops
        // it.
        let logger = unsafe { AsyncFd::register_with_interest(self.0, Interest::READABLE) }?;
        Ok(KernelLogStream(logger))
    }
}

impl KernelLogStream {
    /// Waits for records and logs them.
    pub(crate) async fn forward(&mut self) -> io::Result<()> {
        let mut ready = self.0.readable_mut().await?;
        ready.get_inner_mut().flush();
        ready.clear_ready();
        Ok(())
    }
}

impl fmt::Debug for KernelLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelLog").finish_non_exhaustive()
    }
}

impl fmt::Debug for KernelLogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelLogStream").finish_non_exhaustive()
    }
}

/// The logger that the reader of the records writes to. It is not installed as the process's logger, which
/// would also get aya's own messages.
struct IntoTracing;

impl Log for IntoTracing {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let message = record.args().to_string();
        if let Some((ifindex, reason)) = parse(&message) {
            trace!(target: TARGET, ifindex, reason = reason.name(), "packet");
        } else {
            trace!(target: TARGET, message);
        }
    }

    fn flush(&self) {}
}

/// Parses a record: the interface index and the number of the reason.
fn parse(message: &str) -> Option<(u32, Reason)> {
    let (ifindex, reason) = message.split_once(' ')?;
    let reason = Reason::ALL.get(reason.parse::<usize>().ok()?)?;
    Some((ifindex.parse().ok()?, *reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_an_interface_and_a_reason() {
        assert_eq!(parse("7 0"), Some((7, Reason::Passed)));
        assert_eq!(parse("7 13"), Some((7, Reason::InvalidAdvertisement)));
        assert_eq!(parse("7 14"), None);
        assert_eq!(parse("interface 7"), None);
    }
}
