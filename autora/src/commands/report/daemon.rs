//! What the daemon answers, if one runs.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    commands::client::{ControlSocketArg, block_on},
    control::{
        client::{Client, ClientError},
        model::{Interfaces, Status},
    },
    error::Failure,
};

/// How long to wait for all answers.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// How the name of a series about one interface begins, in `/metrics`.
const OF_ONE_INTERFACE: &str = "autora_interface_";

/// A daemon's answers.
pub(super) struct DaemonAnswers {
    pub(super) status: Status,
    pub(super) interfaces: Interfaces,
    /// The daemon's process id as this process sees it; `None` if it does not, from another PID namespace.
    pub(super) pid: Option<u32>,
    /// The totals of `/metrics`, a series a line.
    pub(super) metrics: String,
}

impl DaemonAnswers {
    /// Asks the daemon at `socket`.
    ///
    /// # Errors
    ///
    /// Returns why there are no answers.
    pub(super) fn ask(socket: &ControlSocketArg) -> Result<Self, Failure> {
        block_on(async {
            Ok(timeout(ANSWER_LIMIT, answers(socket)).await.unwrap_or_else(|_elapsed| Err(ClientError::Silent))?)
        })
    }
}

async fn answers(socket: &ControlSocketArg) -> Result<DaemonAnswers, ClientError> {
    let mut client = socket.connect().await?;
    Ok(DaemonAnswers {
        pid: client.daemon(),
        status: client.get("/v1/status").await?,
        interfaces: client.get("/v1/interfaces").await?,
        metrics: totals(client).await?,
    })
}

/// Returns the totals, which come before the series of each interface. Those are not read: thousands of interfaces
/// have megabytes of them, and `/v1/interfaces` has told the same.
async fn totals(mut client: Client) -> Result<String, ClientError> {
    let mut lines = client.open("/metrics").await?;
    let mut totals = String::new();
    while let Some(line) = lines.line().await? {
        let line = String::from_utf8_lossy(&line);
        match line.strip_prefix("# ") {
            None => totals.extend([&line, "\n"]),
            Some(comment) if comment.split(' ').any(|word| word.starts_with(OF_ONE_INTERFACE)) => break,
            Some(_) => {}
        }
    }
    Ok(totals)
}
