//! Resource usage of the process as the kernel accounts for it, for the `process_*` metrics.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Mutex, time::Duration};

use nix::{
    dir::Dir,
    fcntl::OFlag,
    sys::stat::Mode,
    unistd::{SysconfVar, sysconf},
};

use super::clock;

/// The files of `/proc` that account for this process. They are held open, as Landlock lets the confined
/// daemon open none. The values of a file that could not be opened are left out.
#[derive(Debug)]
pub struct ProcessStats {
    stat: Option<File>,
    limits: Option<File>,
    fds: Option<Mutex<Dir>>,
}

/// Resource usage of the process; `None` where a file could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessUsage {
    /// CPU time, user and system.
    pub cpu_seconds: Option<f64>,
    /// Resident memory, in bytes.
    pub resident_bytes: Option<u64>,
    /// Virtual memory, in bytes.
    pub virtual_bytes: Option<u64>,
    /// Start time, in seconds since 1970.
    pub started: Option<f64>,
    /// Number of open file descriptors.
    pub open_fds: Option<u64>,
    /// Soft limit of open file descriptors.
    pub max_fds: Option<u64>,
}

/// Bytes of the read buffer: more than either file has. A read at offset 0 returns the present content,
/// whole.
const ROOM: usize = 4_096;

impl ProcessStats {
    /// Opens the files.
    #[must_use]
    pub fn open() -> Self {
        let fds = Dir::open("/proc/self/fd", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
        Self {
            stat: File::open("/proc/self/stat").ok(),
            limits: File::open("/proc/self/limits").ok(),
            fds: fds.ok().map(Mutex::new),
        }
    }

    /// Reads the present usage.
    #[must_use]
    pub fn read(&self) -> ProcessUsage {
        let text = |file: &Option<File>| file.as_ref().and_then(|file| text_of(file).ok()).unwrap_or_default();
        let number = |variable| sysconf(variable).ok().flatten().and_then(|number| u64::try_from(number).ok());
        let ticks = number(SysconfVar::CLK_TCK).unwrap_or(100);
        let page = number(SysconfVar::PAGE_SIZE).unwrap_or(4_096);
        ProcessUsage {
            open_fds: self.open_fds(),
            max_fds: max_fds(&text(&self.limits)),
            ..ProcessUsage::of_stat(&text(&self.stat), ticks, page).unwrap_or_default()
        }
    }

    fn open_fds(&self) -> Option<u64> {
        let mut fds = self.fds.as_ref()?.lock().ok()?;
        // Without `.` and `..`. Each iteration starts from the first entry.
        u64::try_from(fds.iter().flatten().count()).ok()?.checked_sub(2)
    }
}

fn text_of(file: &File) -> io::Result<String> {
    let mut bytes = [0; ROOM];
    let len = file.read_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes[..len]).into_owned())
}

impl ProcessUsage {
    /// Parses a line of `/proc/pid/stat`; `ticks` are clock ticks in a second, `page` bytes of a page. Fields
    /// are numbered from 1, as in `proc_pid_stat(5)`.
    fn of_stat(stat: &str, ticks: u64, page: u64) -> Option<Self> {
        // The second field is the name of the program in parentheses, which may contain spaces and
        // parentheses.
        let (_, behind_name) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = behind_name.split(' ').collect();
        let field = |number: usize| fields.get(number - 3).and_then(|field| field.trim().parse::<u64>().ok());
        let seconds = |ticked: u64| Duration::from_millis(ticked.saturating_mul(1_000) / ticks).as_secs_f64();
        let age = clock::now().since_boot().as_secs_f64() - seconds(field(22)?);
        Some(Self {
            cpu_seconds: Some(seconds(field(14)? + field(15)?)),
            started: Some((clock::wall().as_secs_f64() - age).round()),
            virtual_bytes: field(23),
            resident_bytes: field(24).map(|pages| pages * page),
            ..Self::default()
        })
    }
}

fn max_fds(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_may_contain_spaces_and_parentheses() {
        let fields: Vec<_> = (3..=52).map(|number| number.to_string()).collect();
        let stat = format!("7 (a) b (c) {}", fields.join(" "));
        let process = ProcessUsage::of_stat(&stat, 100, 4_096).unwrap();
        assert_eq!(process.cpu_seconds, Some(0.29));
        assert_eq!((process.virtual_bytes, process.resident_bytes), (Some(23), Some(24 * 4_096)));
        assert_eq!(ProcessUsage::of_stat("7 (a", 100, 4_096), None);
    }

    #[test]
    fn every_value_of_this_process_is_read() {
        let stats = ProcessStats::open();
        let open_fds = stats.read().open_fds.unwrap();
        let process = stats.read();
        assert!(process.resident_bytes.unwrap() > 100_000, "{process:?}");
        // Other tests open and close files at the same time.
        assert!(open_fds >= 3 && process.open_fds.unwrap() >= 3 && process.max_fds.unwrap() >= open_fds);
        let age = clock::wall().as_secs_f64() - process.started.unwrap();
        assert!((-1.0..3_600.0).contains(&age), "{age}");
    }
}
