//! What is published: the package, a release with its manual, licences and bill of materials; and whether its
//! crates follow the rules.

mod crates;
pub(crate) mod deny;
pub(crate) mod dist;
pub(crate) mod documents;
pub(crate) mod manual;
pub(crate) mod notices;
pub(crate) mod package;
mod sbom;
pub(crate) mod source;
mod tarball;
pub(crate) mod version;
