//! A /proc that was never a kernel's.

use std::{fs, ops::Range, os::unix::fs::symlink, path::Path};

const LOWEST_PID: u32 = 100_000;

/// Fills a folder with processes, each a copy of this one under another pid and with a long command line. The files that are
/// the same for all are links, which are made much faster.
pub(crate) fn fill(root: &Path, count: u32) -> Range<u32> {
    for name in ["stat", "meminfo", "loadavg", "uptime", "version", "mounts", "filesystems"] {
        fs::write(root.join(name), fs::read(Path::new("/proc").join(name)).unwrap()).unwrap();
    }
    symlink("/proc/sys", root.join("sys")).unwrap();
    let template = root.join("template");
    fs::create_dir(&template).unwrap();
    for name in ["statm", "status", "io"] {
        fs::write(template.join(name), fs::read(Path::new("/proc/self").join(name)).unwrap()).unwrap();
    }
    let cmdline = b"/usr/bin/server\0--with\0a rather long list of arguments, to make rows of some size\0".repeat(3);
    fs::write(template.join("cmdline"), cmdline).unwrap();

    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_pid = stat.split_once(' ').unwrap().1;
    let pids = LOWEST_PID..LOWEST_PID + count;
    for pid in pids.clone() {
        let folder = root.join(pid.to_string());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("stat"), format!("{pid} {after_pid}")).unwrap();
        for name in ["statm", "status", "io", "cmdline"] {
            fs::hard_link(template.join(name), folder.join(name)).unwrap();
        }
    }
    pids
}
