//! A control group made for one process, named as those of units and containers are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use procwire_tests::waiting::eventually;

/// Removed with this value, which must outlive the process.
pub(super) struct OwnGroup {
    slice: PathBuf,
    scope: PathBuf,
}

impl OwnGroup {
    /// `None` where there is no version 2 tree, or it cannot be written to.
    pub(super) fn around(pid: u32) -> Option<Self> {
        let root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let root = root
            .into_iter()
            .find(|root| root.join("cgroup.procs").exists() && root.join("cgroup.controllers").exists())?;
        let slice = root.join(format!("procwire-test-{}.slice", std::process::id()));
        let scope = slice.join(format!("docker-{}.scope", "0123456789abcdef".repeat(4)));
        let _ = fs::create_dir(&slice);
        fs::create_dir(&scope).ok()?;
        let group = Self { slice, scope };
        fs::write(group.scope.join("cgroup.procs"), pid.to_string()).ok()?;
        Some(group)
    }
}

impl Drop for OwnGroup {
    fn drop(&mut self) {
        // Whoever was in it may still be ending.
        eventually("a control group to be empty", || fs::remove_dir(&self.scope).ok());
        let _ = fs::remove_dir(&self.slice);
    }
}
