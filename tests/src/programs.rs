//! Where the programs under test are: built once, by cargo itself, so that a test never meets yesterday's agent.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::workspace;

/// The agent, `procwired`. The variable PROCWIRED names another one.
pub fn procwired() -> PathBuf {
    program("PROCWIRED", "procwired")
}

/// The command line tool, `procwire`. The variable PROCWIRE names another one.
pub fn procwire() -> PathBuf {
    program("PROCWIRE", "procwire")
}

/// The process made for tests. cargo builds it with the tests, because it belongs to the same package; the build of the others may link
/// it anew, and must be over before it is run.
pub fn victim() -> PathBuf {
    wait_for_build();
    build_folder().join("procwire-victim")
}

fn program(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return PathBuf::from(path);
    }
    wait_for_build();
    build_folder().join(name)
}

fn wait_for_build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(build);
}

/// `target/debug` or `target/release`: where this very program came from, which is itself or, for a test, `deps/` below it.
fn build_folder() -> PathBuf {
    let program = env::current_exe().unwrap();
    let folder = program.parent().unwrap();
    if folder.ends_with("deps") { folder.parent().unwrap().to_path_buf() } else { folder.to_path_buf() }
}

/// With the packages, features and profile of `cargo test --workspace`, so that nothing is compiled twice.
fn build() {
    let folder = build_folder();
    let target = folder.parent().unwrap();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--workspace", "--bins", "--target-dir"]).arg(target);
    if folder.ends_with("release") {
        command.arg("--release");
    }
    command.current_dir(workspace());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Copies a program. Not by ourselves: while we have the copy open to write, a child that another thread forks has it open as
/// well, and a program that is open to write cannot be run ("text file busy").
pub fn copy(program: &Path, copy: &Path) {
    let status = Command::new("cp").arg(program).arg(copy).status().unwrap();
    assert!(status.success(), "cp {} {}", program.display(), copy.display());
}

/// Sends a signal by its name ("TERM") through the shell's kill.
pub fn signal(pid: u32, name: &str) {
    assert!(try_signal(pid, name), "kill -s {name} {pid}");
}

/// The same; false if there is nobody to signal.
pub(crate) fn try_signal(pid: u32, name: &str) -> bool {
    let command = format!("kill -s {name} {pid}");
    let status = Command::new("sh").args(["-c", &command]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// True if the tests run as root and can make agents and processes of other users.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    Path::new("/proc/self").metadata().unwrap().uid() == 0
}
