//! A pid namespace of few pids, with its own procfs; whatever is in it ends with it.

use std::{env, fs, process::Command};

const PID_MAX_FILE: &str = "/proc/sys/kernel/pid_max";
/// Set where this program runs inside.
const INSIDE: &str = "PROCWIRE_TEST_PID_NAMESPACE";

pub(crate) enum Place {
    /// Here, as process 1.
    Inside,
    /// The test ran inside, and passed.
    Outside,
    /// There can be none, for this reason.
    Nowhere(String),
}

/// Runs one test of this program again in a namespace of its own.
pub(crate) fn of_few_pids(test: &str, pid_max: u32) -> Place {
    if env::var_os(INSIDE).is_some() {
        fs::write(PID_MAX_FILE, pid_max.to_string()).unwrap();
        assert_eq!(std::process::id(), 1);
        return Place::Inside;
    }
    if let Some(why) = obstacle() {
        return Place::Nowhere(why);
    }
    let before = fs::read_to_string(PID_MAX_FILE).unwrap();
    let mut inside = Command::new("unshare");
    inside.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(env::current_exe().unwrap());
    let output = inside.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    eprintln!("{said}");
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "no test is called {test}");
    assert_eq!(fs::read_to_string(PID_MAX_FILE).unwrap(), before, "the pids of this machine were touched");
    Place::Outside
}

fn obstacle() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root may make a pid namespace and bound its pids".to_owned());
    }
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut parts = release.split(|letter: char| !letter.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version < (6, 14) {
        return Some(format!("pid_max is one for the whole machine before Linux 6.14, and this is {release}"));
    }
    // In a trial first: containers may not let root do it either.
    let trial = ["--pid", "--fork", "--mount-proc", "sh", "-c", "test -w /proc/sys/kernel/pid_max"];
    match Command::new("unshare").args(trial).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            Some(format!("no pid namespace can be made here: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
        Err(error) => Some(format!("unshare cannot be run: {error}")),
    }
}
