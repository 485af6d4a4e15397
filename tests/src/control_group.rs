//! Control groups of the unified tree, made for a test and removed with whatever is in them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// A group that nobody else is in.
pub struct ControlGroup {
    name: String,
    folder: PathBuf,
}

impl ControlGroup {
    /// `None`, and why is printed, where the tests may not make one.
    pub fn make() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let trees = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
        let Some(tree) = trees.into_iter().find(|tree| tree.join("cgroup.controllers").exists()) else {
            return skip("there is no unified tree");
        };
        let name = format!("procwire-bomb-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let folder = tree.join(&name);
        match fs::create_dir(&folder) {
            Ok(()) => Some(Self { name, folder }),
            Err(error) => skip(&format!("mkdir {}: {error}", folder.display())),
        }
    }

    /// As `/proc/PID/cgroup` has it, where the tests see the root of the tree.
    pub fn path(&self) -> String {
        format!("/{}", self.name)
    }

    /// A shell command that moves the shell into it.
    pub fn entry(&self) -> String {
        format!("echo $$ > {}/cgroup.procs", self.folder.display())
    }

    /// What a file of it says.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap()
    }

    /// True if it has this file.
    pub fn has(&self, file: &str) -> bool {
        self.folder.join(file).exists()
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let since = Instant::now();
        let _ = fs::write(self.folder.join("cgroup.kill"), "1");
        while let Err(error) = fs::remove_dir(&self.folder) {
            if error.kind() == io::ErrorKind::NotFound || since.elapsed() > Duration::from_secs(20) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
fn skip<T>(why: &str) -> Option<T> {
    eprintln!("skipped: no control group can be made here: {why}");
    None
}
