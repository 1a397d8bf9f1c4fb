//! `autora explain`: why an interface is served or not. It needs neither a daemon nor a privilege.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::{EXIT_NOT_SERVED, Outcome};
use crate::{
    config,
    engine::eligibility::{self, Verdict},
    error::Failure,
    sys::netlink::Queries,
};

const EXIT_CODES: &str = "\
Exit codes: 0 all that was asked for is or would be served, 3 something is not, 2 wrong usage, 1 anything else.";

/// The arguments of `autora explain`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    /// Interfaces to explain; without any, all of them in a table
    #[arg(value_name = "IFACE")]
    pub interfaces: Vec<String>,

    /// What the daemon serves, if it is to be told which names match
    #[arg(long, env = "AUTORA_INTERFACE_REGEX", value_name = "REGEX")]
    pub interface_regex: Option<String>,
}

/// Explains.
///
/// # Errors
///
/// When the kernel does not tell its interfaces.
pub fn run(args: &Args) -> Outcome {
    let (policy, _) = config::policy(args.interface_regex.as_deref().unwrap_or(".*"))
        .map_err(|error| Failure::new(&error))?;
    let mut queries = Queries::open().map_err(|error| Failure::new(&error))?;
    let snapshot = queries.dump().map_err(|error| Failure::new(&error))?;
    let mut all_served = true;
    for interface in snapshot.interfaces {
        let verdict = eligibility::decide(&policy, &interface, None);
        all_served &= matches!(verdict, Verdict::Serve(_));
        drop(writeln!(io::stdout(), "{} {verdict:?}", interface.name));
    }
    Ok(if all_served { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NOT_SERVED) })
}
