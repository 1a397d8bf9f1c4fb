//! Which interfaces are probed, and which of those that match are not.

use std::collections::BTreeMap;

use super::target::Target;
use crate::{
    commands::{
        absent::{Among, Missing, no_such_interface},
        client::{ControlSocketArg, block_on, names, path_with},
        explain,
        natural::natural,
    },
    control::model::{self, Interfaces, State},
    engine::interface::{Host, Interface},
    error::Failure,
    sys::netlink::Snapshot,
};

/// The interfaces to probe.
pub(super) struct Selection {
    pub(super) snapshot: Snapshot,
    pub(super) targets: Vec<Target>,
    pub(super) skipped: Skipped,
    /// The names that no interface has, and the patterns that match none.
    pub(super) missing: Vec<Missing>,
}

/// The interfaces that match and are not probed, with `--all`.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    /// How many are paused.
    pub(super) paused: usize,
    /// Those that are not served.
    pub(super) not_served: Vec<model::Interface>,
    /// Those that other daemons serve, by their processes.
    pub(super) served_by_others: BTreeMap<u32, Vec<model::Interface>>,
    /// The command that says why they are not.
    pub(super) says_why: String,
}

impl Skipped {
    /// Sorts those that the daemon does not serve. One that another daemon has let go has no router now.
    pub(super) fn of(mut interfaces: Vec<model::Interface>) -> Self {
        interfaces.sort_by(|a, b| natural(&a.name, &b.name));
        let mut skipped = Self::default();
        for interface in interfaces {
            match interface.reasons.iter().find_map(|reason| reason.other_daemon.as_ref()?.pid) {
                Some(pid) => skipped.served_by_others.entry(pid).or_default().push(interface),
                None => skipped.not_served.push(interface),
            }
        }
        skipped
    }
}

impl Selection {
    /// Selects the interfaces of these names and patterns.
    ///
    /// # Errors
    ///
    /// A [`Failure`] if netlink fails.
    pub(super) fn named(arguments: &[String]) -> Result<Self, Failure> {
        let snapshot = explain::read_interfaces()?;
        let wanted = named(arguments, &snapshot);
        Ok(Self::of(snapshot, &wanted, Skipped::default()))
    }

    /// Selects every interface that the daemon at `socket` serves. One may have been deleted a moment ago.
    ///
    /// # Errors
    ///
    /// A [`Failure`] if no daemon answers, if none of its interfaces exists here, or if netlink fails.
    pub(super) fn served(socket: &ControlSocketArg) -> Result<Self, Failure> {
        let (wanted, skipped) = matching(socket)?;
        let found = Self { missing: Vec::new(), ..Self::of(explain::read_interfaces()?, &wanted, skipped) };
        let none_is_here = found.targets.is_empty() && !wanted.is_empty();
        if none_is_here {
            let missing: Vec<_> = wanted.keys().map(|name| Missing::new(name, &[])).collect();
            return Err(no_such_interface(&missing, Among::Namespace, socket));
        }
        Ok(found)
    }

    /// Returns whether this host drops what the guest of one of the targets sends through it.
    pub(super) fn is_dropped(&self) -> bool {
        let host = Host { forwarding: self.snapshot.forwarding, neighbour_limit: None };
        let is_target = |one: &&Interface| self.targets.iter().any(|target| target.index == one.index);
        self.snapshot.interfaces.iter().filter(is_target).any(|one| host.drops_from(one))
    }

    fn of(snapshot: Snapshot, wanted: &Wanted, skipped: Skipped) -> Self {
        let is_wanted = |interface: &&Interface| {
            let index = wanted.get(&interface.name);
            index.is_some_and(|index| index.is_none_or(|index| index == interface.index.get()))
        };
        let found = snapshot.interfaces.iter().filter(is_wanted);
        let targets: Vec<_> = found.map(|interface| Target::new(interface, &snapshot.interfaces)).collect();
        let is_missing = |name: &&String| targets.iter().all(|target| target.name != **name);
        let missing = wanted.keys().filter(is_missing).map(|name| Missing::new(name, &snapshot.interfaces));
        let missing = missing.collect();
        Self { snapshot, targets, skipped, missing }
    }
}

/// Interfaces by name, with the index that the daemon told. One of the same name in another namespace has another.
type Wanted = BTreeMap<String, Option<u32>>;

/// Returns the interfaces that the arguments name; an argument that names none is itself missing.
fn named(arguments: &[String], snapshot: &Snapshot) -> Wanted {
    let of = |argument: &String| {
        let (is_named, existing) = (names(argument), snapshot.interfaces.iter().map(|interface| &interface.name));
        let found: Vec<_> = existing.filter(|name| is_named(name)).cloned().collect();
        if found.is_empty() { vec![argument.clone()] } else { found }
    };
    arguments.iter().flat_map(of).map(|name| (name, None)).collect()
}

/// Returns the interfaces that the daemon serves, and those that match and are not probed.
fn matching(socket: &ControlSocketArg) -> Result<(Wanted, Skipped), Failure> {
    let states = [State::Serving, State::Paused, State::NotServed].map(|state| ("state", state.name().to_owned()));
    let path = path_with("/v1/interfaces", states);
    let Interfaces { interfaces, .. } = block_on(async { Ok(socket.connect().await?.get(&path).await?) })?;
    let is_in = |state: State| move |interface: &model::Interface| interface.state == state.into();
    let paused = interfaces.iter().filter(|one| is_in(State::Paused)(one)).count();
    let serving = interfaces.iter().filter(|one| is_in(State::Serving)(one));
    let serving = serving.map(|interface| (interface.name.clone(), Some(interface.ifindex))).collect();
    let not_served: Vec<_> = interfaces.into_iter().filter(is_in(State::NotServed)).collect();
    let says_why = socket.command("status", &["--state", "not-served"]).to_string();
    Ok((serving, Skipped { paused, says_why, ..Skipped::of(not_served) }))
}
