//! The two outlets of the loop: the real one, and the dry run.

use std::io;

use tracing::debug;

use super::{StartError, live::Live};
use crate::{
    addr::IfIndex,
    config::Config,
    control::model,
    dry_run::DryRun,
    engine::action::Transmission,
    sys::{filter, privileges},
};

/// Where the fleet's actions go.
#[expect(clippy::large_enum_variant, reason = "there is one, and it never moves")]
pub(super) enum Outlet {
    Live(Live),
    DryRun(DryRun),
}

impl Outlet {
    pub(super) fn open(config: &Config) -> Result<Self, StartError> {
        if config.dry_run {
            return Ok(Self::DryRun(DryRun::new()));
        }
        let mut live = Live::open(config)?;
        let kept = privileges::give_up(|| live.map_updates_work())?;
        debug!(?kept, "gave up the capabilities");
        Ok(Self::Live(live))
    }

    pub(super) async fn readable(&mut self) -> io::Result<()> {
        match self {
            Self::Live(live) => live.readable().await,
            Self::DryRun(_) => std::future::pending().await,
        }
    }

    pub(super) fn serve(&mut self, index: IfIndex) -> Result<(), filter::ServeError> {
        match self {
            Self::Live(live) => live.filter().serve(index),
            Self::DryRun(_) => Ok(()),
        }
    }

    pub(super) fn unserve(&mut self, index: IfIndex) -> io::Result<()> {
        match self {
            Self::Live(live) => live.filter().unserve(index),
            Self::DryRun(_) => Ok(()),
        }
    }

    pub(super) fn clear_pending(&mut self, index: IfIndex) -> io::Result<()> {
        match self {
            Self::Live(live) => live.filter().clear_pending(index),
            Self::DryRun(_) => Ok(()),
        }
    }

    /// What guards the receiving socket, for the log.
    pub(super) fn filter_name(&mut self) -> String {
        match self {
            Self::Live(live) => live.filter().kind().to_string(),
            Self::DryRun(_) => "none".to_owned(),
        }
    }

    /// What guards the receiving socket, for whoever asks.
    pub(super) fn filter_model(&mut self) -> model::Filter {
        let program_id = match self {
            Self::Live(live) => live.filter().program_id(),
            Self::DryRun(_) => None,
        };
        model::Filter { mode: self.filter_name().into(), program_id }
    }

    pub(super) fn interface_stats(&self, index: IfIndex) -> Option<filter::InterfaceStats> {
        match self {
            Self::Live(live) => live.stats(index),
            Self::DryRun(_) => None,
        }
    }

    pub(super) fn socket_drops(&self) -> Option<u32> {
        match self {
            Self::Live(live) => live.socket_drops(),
            Self::DryRun(_) => None,
        }
    }

    pub(super) fn totals(&self) -> filter::Counters {
        match self {
            Self::Live(live) => live.totals(),
            Self::DryRun(_) => filter::Counters::default(),
        }
    }

    pub(super) fn send(&mut self, send: &Transmission) -> io::Result<()> {
        match self {
            Self::Live(live) => live.send(send),
            Self::DryRun(_) => Ok(()),
        }
    }
}
