//! What others get: the package, a release with its manual, licences and bill of materials, and whether its
//! crates are fit.

mod crates;
pub(crate) mod deny;
pub(crate) mod dist;
pub(crate) mod manual;
pub(crate) mod notices;
pub(crate) mod package;
mod sbom;
pub(crate) mod version;
