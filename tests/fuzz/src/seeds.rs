//! Seeds: inputs that pass the first checks, so that libFuzzer reaches the code behind them.

use std::{env, fs, path::Path};

use autora_tests::Mac;

use crate::rows::{PACKET, rows};

/// The environment variable with the folder for seeds; unset or empty, none are written.
const FOLDER: &str = "AUTORA_FUZZ_SEEDS";

/// Writes seeds where `cargo xtask fuzz` looks for them; libFuzzer reads them after this.
pub(crate) fn write(seeds: impl IntoIterator<Item = Vec<u8>>) {
    let Some(folder) = env::var_os(FOLDER).filter(|folder| !folder.is_empty()) else { return };
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{FOLDER}: {error}"));
    for (number, seed) in seeds.into_iter().enumerate() {
        let file = Path::new(&folder).join(format!("{number:03}"));
        fs::write(&file, seed).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

/// Returns the packets of the filter's table.
pub(crate) fn packets() -> impl Iterator<Item = Vec<u8>> {
    rows(Mac([2, 0, 0, 0, 0, 1])).into_iter().map(|mut row| row.frame.split_off(PACKET))
}
