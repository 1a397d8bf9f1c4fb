//! What the error of a subcommand's wrong usage says to do, where clap's own tip leads astray or there is none.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Returns `error` of the subcommand `name` with a tip of its own, if there is one. An option that the subcommand does
/// not have is not meant as an interface of this name.
pub(super) fn with_tip(mut error: clap::Error, name: &str) -> clap::Error {
    let option = unknown_option(&error);
    if option.is_some() {
        error.remove(ContextKind::Suggested);
    }
    if let Some(tip) = tip(name, error.kind(), option.as_deref()) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Returns the option that the subcommand does not have, if that is the error.
fn unknown_option(error: &clap::Error) -> Option<String> {
    let ContextValue::String(word) = error.get(ContextKind::InvalidArg)? else { return None };
    (error.kind() == ErrorKind::UnknownArgument && word.starts_with("--")).then(|| word.clone())
}

fn tip(name: &str, error: ErrorKind, option: Option<&str>) -> Option<&'static str> {
    match (name, error, option) {
        ("probe", ErrorKind::MissingRequiredArgument, _) => Some("name interfaces, or --all"),
        ("wait", _, Some("--json")) => Some("wait has no --json: its exit code says it"),
        ("report", _, Some("--json")) => Some("report has no --json: it is a text; `autora status` has one"),
        _ => None,
    }
}
