//! A guest: a namespace whose kernel configures itself from Router Advertisements.

use std::{net::Ipv6Addr, time::Duration};

use serde_json::Value;

use crate::{namespace::Namespace, wait::eventually};

/// A namespace with the kernel's SLAAC on. Its kernel solicits as soon as an interface comes up.
#[derive(Clone, Debug)]
pub struct Guest(Namespace);

/// A default route of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultRoute {
    /// The router's link-local address.
    pub gateway: Ipv6Addr,
    /// The guest's interface towards the router.
    pub device: String,
    /// Seconds until the route expires.
    pub expires: Option<u64>,
}

/// The state of an address that a guest holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The kernel's flag: the preferred lifetime is over, new connections avoid the address.
    pub deprecated: bool,
    /// Seconds that remain of the preferred lifetime.
    pub preferred: u64,
    /// Seconds that remain of the valid lifetime.
    pub valid: u64,
}

impl Guest {
    /// Makes a guest that uses its addresses at once, without duplicate address detection.
    #[must_use]
    pub fn new() -> Self {
        let namespace = Namespace::new("guest");
        namespace.default_sysctls(&[
            ("accept_dad", 0),
            ("accept_ra", 1),
            ("autoconf", 1),
            ("forwarding", 0),
            // Temporary addresses cannot be predicted by a test.
            ("use_tempaddr", 0),
        ]);
        Self(namespace)
    }

    /// Returns its namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.0
    }

    /// Returns its usable global addresses.
    #[must_use]
    pub fn addresses(&self) -> Vec<Ipv6Addr> {
        let interfaces = self.json("-6 address show scope global -tentative -dadfailed");
        let addresses = interfaces.iter().filter_map(|interface| interface["addr_info"].as_array()).flatten();
        addresses.filter_map(|address| parse(&address["local"])).collect()
    }

    /// Returns the state of `address`, if the guest holds it.
    #[must_use]
    pub fn holds(&self, address: Ipv6Addr) -> Option<Held> {
        let interfaces = self.json("-6 address show scope global");
        let mut addresses = interfaces.iter().filter_map(|one| one["addr_info"].as_array()).flatten();
        let found = addresses.find(|one| parse(&one["local"]) == Some(address))?;
        Some(Held {
            deprecated: found["deprecated"] == true,
            preferred: found["preferred_life_time"].as_u64()?,
            valid: found["valid_life_time"].as_u64()?,
        })
    }

    /// Returns its default routes.
    #[must_use]
    pub fn default_routes(&self) -> Vec<DefaultRoute> {
        self.json("-6 route show default")
            .iter()
            .filter_map(|route| {
                Some(DefaultRoute {
                    gateway: parse(&route["gateway"])?,
                    device: route["dev"].as_str()?.to_owned(),
                    expires: route["expires"].as_u64(),
                })
            })
            .collect()
    }

    /// Returns whether it has a route to `prefix` (such as `2001:db8::/64`).
    #[must_use]
    pub fn has_route(&self, prefix: &str) -> bool {
        self.json("-6 route show").iter().any(|route| route["dst"] == prefix)
    }

    /// Waits until it holds this address.
    pub fn wait_for_address(&self, address: Ipv6Addr, timeout: Duration) {
        eventually(timeout, &format!("{address} in {}", self.0.name()), || {
            self.addresses().contains(&address).then_some(())
        });
    }

    /// Waits until it holds this address and the kernel has deprecated it.
    pub fn wait_for_deprecated(&self, address: Ipv6Addr, timeout: Duration) -> Held {
        eventually(timeout, &format!("the deprecation of {address} in {}", self.0.name()), || {
            self.holds(address).filter(|held| held.deprecated)
        })
    }

    /// Waits until its only default route is through `gateway`.
    pub fn wait_for_default_route_to(&self, gateway: Ipv6Addr, timeout: Duration) {
        eventually(timeout, &format!("one default route to {gateway} in {}", self.0.name()), || {
            matches!(&self.default_routes()[..], [route] if route.gateway == gateway).then_some(())
        });
    }

    /// Waits until it has a default route.
    pub fn wait_for_default_route(&self, timeout: Duration) -> DefaultRoute {
        eventually(timeout, &format!("a default route in {}", self.0.name()), || self.default_routes().pop())
    }

    /// Waits until it has no default route.
    pub fn wait_for_no_default_route(&self, timeout: Duration) {
        eventually(timeout, &format!("the end of the default route in {}", self.0.name()), || {
            self.default_routes().is_empty().then_some(())
        });
    }

    fn json(&self, arguments: &str) -> Vec<Value> {
        match serde_json::from_str(&self.0.ip(&format!("-j {arguments}"))) {
            Ok(Value::Array(values)) => values,
            other => panic!("ip -j {arguments}: not a list: {other:?}"),
        }
    }
}

impl Default for Guest {
    fn default() -> Self {
        Self::new()
    }
}

fn parse(value: &Value) -> Option<Ipv6Addr> {
    value.as_str()?.parse().ok()
}
