//! The body of an answer that is an error.

use serde::{Deserialize, Serialize};

use super::{named::Named, names::ErrorName};

/// An error: the body of an answer with a status of 400 or more.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "error"))]
pub struct Error {
    /// The stable name of the error.
    #[cfg_attr(test, schemars(with = "ErrorName"))]
    pub error: Named<ErrorName>,
    /// The error as a sentence, for the operator.
    pub message: String,
    /// For `unknown-interface`: whether the name matches `--interface-regex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "bool"))]
    pub matches: Option<bool>,
}
