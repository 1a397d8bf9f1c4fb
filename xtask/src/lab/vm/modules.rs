//! The order in which modules have to be loaded: what `depmod` computes, for a few of them.

use std::path::Path;

use anyhow::Result;

/// A module to load.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Returns a module's name from that of its file: `virtio-pci.ko.xz` is `virtio_pci`.
pub(crate) fn name_of(file: &Path) -> Option<String> {
    let (name, _) = file.file_name()?.to_str()?.split_once(".ko")?;
    Some(name.replace('-', "_"))
}

/// Returns the `wanted` modules and those that they depend on, in the order of loading. One that `read` does
/// not find is taken to be built into the kernel; if it is not, the boot fails.
pub(crate) fn in_order(wanted: &[&str], read: impl Fn(&str) -> Result<Option<Vec<u8>>>) -> Result<Vec<Module>> {
    let mut ordered = Vec::new();
    for name in wanted {
        add(name, &read, &mut ordered)?;
    }
    Ok(ordered)
}

/// Adds a module after those that it depends on. The kernel's build refuses circular dependencies.
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

/// Returns the modules that a module depends on, from its section `.modinfo`: strings with a zero byte
/// between them.
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
    fn dependencies_come_first_and_once() {
        assert_eq!(
            order(&["virtio_pci", "virtio_net"]),
            ["virtio", "virtio_ring", "virtio_pci", "failover", "net_failover", "virtio_net"]
        );
        assert_eq!(order(&["builtin"]), [""; 0]);
    }

    #[test]
    fn module_names_have_underscores_and_no_extension() {
        assert_eq!(name_of(Path::new("/x/virtio-pci.ko.xz")).as_deref(), Some("virtio_pci"));
        assert_eq!(name_of(Path::new("veth.ko")).as_deref(), Some("veth"));
        assert_eq!(name_of(Path::new("modules.builtin")), None);
    }
}
