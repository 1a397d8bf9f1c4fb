//! What an explanation knows of the host's routes.

use crate::addr::Prefix64;

/// The host's routes, as far as they concern an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// Whether the host has a default route through it that an RA made.
    pub default_by_ra: bool,
    /// Whether a route leads through it to the guests in its /64; asked for where the kernel made none.
    pub lead_to_prefix: bool,
    /// The /64s that are routed through it; asked for where it has no usable one as an address.
    pub routed: Vec<Prefix64>,
    /// The interfaces through which the host has a default route that the kernel removes when an interface begins to
    /// forward; asked for where one is to.
    pub uplinks_by_ra: Vec<String>,
    /// Another interface that is served with the same /64, if there is one.
    pub same_prefix_on: Option<String>,
}

impl Routes {
    /// None that concern it.
    pub const NONE: Self = Self {
        default_by_ra: false,
        lead_to_prefix: false,
        routed: Vec::new(),
        uplinks_by_ra: Vec::new(),
        same_prefix_on: None,
    };
}
