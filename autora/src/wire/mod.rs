//! Bytes: Router Advertisements, echo messages, and the IPv6 header around them. Pure, and without settings.

mod advert;
mod echo;
mod error;
mod field;
mod hex;
pub mod ipv6;
mod option;
mod protocol;

pub use advert::RouterAdvert;
pub use echo::{ECHO_REPLY, ECHO_REQUEST, Echo};
pub use error::DecodeError;
pub use field::INFINITE_LIFETIME;
pub use hex::Hex;
pub use option::{NdOption, PrefixInformation};
pub use protocol::{ALL_NODES, ALL_ROUTERS, ND_HOP_LIMIT, ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION, RouterPreference};
