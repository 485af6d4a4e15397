//! A /proc that was never a kernel's.

use std::{fs, ops::Range, os::unix::fs::symlink, path::Path};

pub(crate) const MANY: u32 = 10_000;

/// Fills a folder with many processes, each a copy of this one under another pid and with a long command line.
pub(crate) fn fill(root: &Path) -> Range<u32> {
    for name in ["stat", "meminfo", "loadavg", "uptime", "version", "mounts", "filesystems"] {
        fs::write(root.join(name), fs::read(Path::new("/proc").join(name)).unwrap()).unwrap();
    }
    symlink("/proc/sys", root.join("sys")).unwrap();
    let own = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap();
    let (stat, statm, status, io) = (own("stat"), own("statm"), own("status"), own("io"));
    let after_pid = stat.split_once(' ').unwrap().1;
    let cmdline = b"/usr/bin/server\0--with\0a rather long list of arguments, to make rows of some size\0".repeat(3);
    let lowest = 100_000;
    for pid in lowest..lowest + MANY {
        let folder = root.join(pid.to_string());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("stat"), format!("{pid} {after_pid}")).unwrap();
        fs::write(folder.join("statm"), &statm).unwrap();
        fs::write(folder.join("status"), &status).unwrap();
        fs::write(folder.join("io"), &io).unwrap();
        fs::write(folder.join("cmdline"), &cmdline).unwrap();
    }
    lowest..lowest + MANY
}
