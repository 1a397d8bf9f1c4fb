//! What is published: the packages, a release with its manual, licences and bill of materials; and whether its
//! crates follow the rules.

mod crates;
pub(crate) mod deny;
pub(crate) mod dist;
pub(crate) mod documents;
pub(crate) mod manual;
pub(crate) mod notices;
pub(crate) mod package;
pub(crate) mod rpm;
mod sbom;
pub(crate) mod source;
mod tarball;
pub(crate) mod version;

use anyhow::Result;

use crate::{architecture::Architecture, workspace::Workspace};

#[derive(Debug, clap::Args)]
pub(crate) struct PackageArgs {
    /// Build the package in this format
    #[arg(long, value_name = "FORMAT", default_value = "deb")]
    format: Format,
    /// Build the package of this architecture
    #[arg(long, value_name = "ARCHITECTURE")]
    arch: Option<Architecture>,
}

/// The format of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For Debian 12 and later and their like, in target/package
    Deb,
    /// For EL 9 and 10 and their like, in target/rpm
    Rpm,
}

impl Format {
    /// Returns what the package is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Deb => "the Debian package",
            Self::Rpm => "the RPM",
        }
    }
}

/// Runs `cargo xtask package`.
pub(crate) fn make_package(workspace: &Workspace, args: &PackageArgs) -> Result<()> {
    let architecture = args.arch.unwrap_or(Architecture::OWN);
    let package = match args.format {
        Format::Deb => package::build_for(workspace, architecture),
        Format::Rpm => rpm::build_for(workspace, architecture),
    };
    package.map(drop)
}
