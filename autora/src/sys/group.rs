//! Groups by name, as `/etc/group` lists them (`group(5)`).
//!
//! Not by getgrnam(3): a statically linked glibc loads the modules that `nsswitch.conf` names with dlopen(3),
//! and crashes where they belong to another version of it (<https://sourceware.org/glibc/wiki/FAQ>, "static
//! linking").

use std::{fs, io};

const GROUPS: &str = "/etc/group";

/// The id that chown(2) takes as "leave the group unchanged".
const NO_GID: u32 = u32::MAX;

/// Returns the id of the group with the name or number `group`; `None` if `/etc/group` has no such name, or
/// the number is no group id.
///
/// # Errors
///
/// When `/etc/group` cannot be read.
pub fn id_of(group: &str) -> io::Result<Option<u32>> {
    let gid = match group.parse() {
        Ok(gid) => Some(gid),
        Err(_) => named(&String::from_utf8_lossy(&fs::read(GROUPS)?), group),
    };
    Ok(gid.filter(|&gid| gid != NO_GID))
}

fn named(groups: &str, wanted: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, gid) = (fields.next()?, fields.nth(1)?);
        (name == wanted).then(|| gid.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_name_or_number() {
        let groups = "root:x:0:\nbad:x\n+:::\nodd:x:many:\nadm:x:4:alice,bob\nadmins:x:1001:\n";
        for (name, expected) in [
            ("root", Some(0)),
            ("adm", Some(4)),
            ("admins", Some(1001)),
            ("odd", None),
            ("bad", None),
            ("alice", None),
            ("x", None),
        ] {
            assert_eq!(named(groups, name), expected, "{name}");
        }
        assert_eq!(id_of("root").unwrap(), Some(0));
        assert_eq!(id_of("60000").unwrap(), Some(60_000));
        for none in ["no such group", "4294967295", "-1", ""] {
            assert_eq!(id_of(none).unwrap(), None, "{none}");
        }
    }
}
