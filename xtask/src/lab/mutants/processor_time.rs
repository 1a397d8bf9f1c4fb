//! The processor time that programs take, which a busy machine does not change.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// The unit of the kernel's accounts (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Returns how much `run` takes in the programs that it starts, when they have ended. No others may end meanwhile.
pub(super) fn of(run: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let before = of_children()?;
    run()?;
    Ok(of_children()?.saturating_sub(before))
}

fn of_children() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    Ok(TICK * ticks(&stat).context("/proc/self/stat is not as proc_pid_stat(5) says")?)
}

/// Returns `cutime` and `cstime`, fields 16 and 17. The second field is a name in parentheses, with anything in it.
fn ticks(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(16 - 3);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_children_is_two_fields() {
        assert_eq!(ticks("7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 11 12 30 12 20 0 1 0"), Some(42));
        for text in ["", "7 (a) S 1", "7 (a) S 1 7 7 0 -1 4194560 1 2 3 4 11 12 x 12 20"] {
            assert_eq!(ticks(text), None, "{text}");
        }
        of_children().expect("the kernel has it");
    }
}
