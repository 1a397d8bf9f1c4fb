//! Which modules come before which: what `depmod` would find out, for a few of them.

use std::path::Path;

use anyhow::Result;

/// A module to load.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// A module's name by its file's: `virtio-pci.ko.xz` is `virtio_pci`.
pub(crate) fn name_of(file: &Path) -> Option<String> {
    let (name, _) = file.file_name()?.to_str()?.split_once(".ko")?;
    Some(name.replace('-', "_"))
}

/// The wanted ones and all that they need, in the order of loading. One that `read` does not find is part of
/// the kernel itself; whoever boots it sees whether that was so.
pub(crate) fn in_order(
    wanted: &[&str],
    read: impl Fn(&str) -> Result<Option<Vec<u8>>>,
) -> Result<Vec<Module>> {
    let mut ordered = Vec::new();
    for name in wanted {
        add(name, &read, &mut ordered)?;
    }
    Ok(ordered)
}

/// No module needs itself, by whatever detour: the kernel's build refuses that.
fn add(name: &str, read: &impl Fn(&str) -> Result<Option<Vec<u8>>>, ordered: &mut Vec<Module>) -> Result<()> {
    if ordered.iter().any(|module| module.name == name) {
        return Ok(());
    }
    let Some(bytes) = read(name)? else { return Ok(()) };
    for needed in depends(&bytes) {
        add(&needed, read, ordered)?;
    }
    ordered.push(Module { name: name.to_owned(), bytes });
    Ok(())
}

/// What a module says that it depends on, in its section `.modinfo`: strings with a zero byte between them.
fn depends(module: &[u8]) -> Vec<String> {
    let said = module.split(|&byte| byte == 0).find_map(|string| string.strip_prefix(b"depends="));
    let said = String::from_utf8_lossy(said.unwrap_or_default()).into_owned();
    said.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(wanted: &[&str]) -> Vec<String> {
        let read = |name: &str| {
            let depends = match name {
                "virtio" | "failover" => "",
                "virtio_ring" => "virtio",
                "virtio_pci" => "virtio-ring,virtio",
                "virtio_net" => "net_failover,virtio_ring,builtin",
                "net_failover" => "failover",
                _ => return Ok(None),
            };
            Ok(Some(format!("\x7fELF\0license=GPL\0depends={depends}\0name={name}\0").into_bytes()))
        };
        in_order(wanted, read).unwrap().into_iter().map(|module| module.name).collect()
    }

    #[test]
    fn what_is_needed_comes_first_and_once() {
        assert_eq!(
            order(&["virtio_pci", "virtio_net"]),
            ["virtio", "virtio_ring", "virtio_pci", "failover", "net_failover", "virtio_net"]
        );
        assert_eq!(order(&["builtin"]), [""; 0]);
    }

    #[test]
    fn names_are_those_of_the_kernel() {
        assert_eq!(name_of(Path::new("/x/virtio-pci.ko.xz")).as_deref(), Some("virtio_pci"));
        assert_eq!(name_of(Path::new("veth.ko")).as_deref(), Some("veth"));
        assert_eq!(name_of(Path::new("modules.builtin")), None);
    }
}
