//! How much memory this process may use: the machine's, or less where a control group bounds it, as containers do.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// In bytes; `None` if nothing says.
pub(super) fn available_bytes() -> Option<u64> {
    available_bytes_in(Path::new("/"))
}

/// As [`available_bytes`], by the files below this folder.
fn available_bytes_in(root: &Path) -> Option<u64> {
    let machine = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| total_bytes(&text));
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    // Without a bound, version 2 says `max` and version 1 a number beyond all machines.
    let bound = |path: PathBuf| fs::read_to_string(root.join(path)).ok()?.trim().parse().ok();
    machine.into_iter().chain(bound_files(&groups).into_iter().filter_map(bound)).min()
}

/// The files in which control groups, of version 2 and of version 1, say how much the process may use: in its own group and
/// in all above it. A container has its own group, or that of its machine, at the root.
fn bound_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (controller, base, file) in
        [("", "sys/fs/cgroup", "memory.max"), ("memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes")]
    {
        let own = groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            controllers.split(',').any(|named| named == controller).then_some(path)
        });
        // What lies outside the container is not to be found here.
        let is_name = |part: &Component<'_>| matches!(part, Component::Normal(_));
        let own: PathBuf = Path::new(own.unwrap_or_default()).components().filter(is_name).collect();
        files.extend(own.ancestors().map(|group| Path::new(base).join(group).join(file)));
    }
    files
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

    #[test]
    fn the_smallest_bound_of_a_control_group_counts_in_both_versions() {
        const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal: 1000 kB\n");
        const V2: (&str, &str) = ("proc/self/cgroup", "0::/system.slice/larder.service\n");
        const V1: (&str, &str) = ("proc/self/cgroup", "11:cpu,cpuacct:/x\n5:memory:/docker/abc\n0::/x\n");
        for (files, expected) in [
            (vec![MACHINE], Some(1_024_000)),
            (vec![MACHINE, V2, ("sys/fs/cgroup/memory.max", "max\n")], Some(1_024_000)),
            // A container with a view of its own.
            (vec![MACHINE, ("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "512000\n")], Some(512_000)),
            // A service of systemd, and a slice above it.
            (vec![MACHINE, V2, ("sys/fs/cgroup/system.slice/larder.service/memory.max", "4096\n")], Some(4096)),
            (
                vec![
                    MACHINE,
                    V2,
                    ("sys/fs/cgroup/system.slice/larder.service/memory.max", "8192\n"),
                    ("sys/fs/cgroup/system.slice/memory.max", "4096\n"),
                ],
                Some(4096),
            ),
            (vec![MACHINE, V1, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "8192\n")], Some(8192)),
            (vec![MACHINE, V1, ("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "4096\n")], Some(4096)),
            (
                vec![MACHINE, V1, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")],
                Some(1_024_000),
            ),
            (vec![("proc/self/cgroup", "0::/../outside\n"), ("sys/fs/cgroup/outside/memory.max", "77\n")], Some(77)),
            (vec![], None),
        ] {
            let root = tempfile::tempdir().expect("room for a folder");
            for (path, text) in &files {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().expect("it is below the root")).expect("the folder is ours");
                fs::write(path, text).expect("the folder is ours");
            }
            assert_eq!(available_bytes_in(root.path()), expected, "{files:?}");
        }
    }
}
