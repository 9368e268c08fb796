//! How much memory this process may use: the machine's, or less where a control group bounds it, as containers do.

use std::fs;

/// Where a control group's bound is found: of version 2 and of version 1.
const GROUP_BOUNDS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// In bytes; `None` if nothing says.
pub(super) fn available_bytes() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_bytes(&text));
    // Without a bound, the first says `max` and the second a number beyond all machines.
    let bound = |path: &&str| fs::read_to_string(path).ok()?.trim().parse().ok();
    machine.into_iter().chain(GROUP_BOUNDS.iter().filter_map(bound)).min()
}

/// `MemTotal` of `/proc/meminfo`, proc_meminfo(5).
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_memory_is_read_in_bytes() {
        let text = "MemFree:  1 kB\nMemTotal:       16374456 kB\nSwapTotal: 0 kB\n";
        assert_eq!(total_bytes(text), Some(16_374_456 * 1024));
        for other in ["", "MemTotal: many kB", "MemTotal: 12", "MemTotal: 18446744073709551615 kB"] {
            assert_eq!(total_bytes(other), None, "{other}");
        }
    }
}
