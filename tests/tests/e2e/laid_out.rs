//! An agent whose certificates lie where a test puts them, in place of where the harness does.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use procwire_tests::{programs, waiting::eventually};

/// A running agent; it is killed when this value goes.
pub(crate) struct LaidOut {
    child: Child,
    log: PathBuf,
    /// As clients name it.
    pub(crate) endpoint: String,
}

/// Where its files are.
pub(crate) struct Layout<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) certificate: &'a Path,
    pub(crate) key: &'a Path,
    pub(crate) client_ca: &'a Path,
}

impl LaidOut {
    /// Starts it with these settings beside its files.
    pub(crate) fn start(layout: &Layout<'_>, settings: &[&str]) -> Self {
        let (address, log) = (layout.folder.join("address"), layout.folder.join("agent.log"));
        let _ = fs::remove_file(&address);
        let mut command = Command::new(programs::procwired());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PROCWIRE_")) {
            command.env_remove(name);
        }
        let output = File::create(&log).unwrap();
        command.args(["--listen", "127.0.0.1:0", "--address-file"]).arg(&address);
        command.arg("--tls-certificate").arg(layout.certificate).arg("--tls-key").arg(layout.key);
        command.arg("--tls-client-ca").arg(layout.client_ca);
        command.arg("--audit-file").arg(layout.folder.join("audit.jsonl"));
        for setting in settings {
            command.args(["--set", setting]);
        }
        command.current_dir(layout.folder).stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut agent = Self { child: command.spawn().unwrap(), log, endpoint: String::new() };
        let listening = eventually("the agent's address", || {
            let ended = agent.child.try_wait().unwrap();
            assert!(ended.is_none(), "procwired ended with {ended:?}:\n{}", agent.log());
            fs::read_to_string(&address).ok().filter(|text| text.ends_with('\n') || text.contains(':'))
        });
        agent.endpoint = format!("https://{}", listening.trim());
        agent
    }

    /// Everything it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for LaidOut {
    #[allow(clippy::print_stderr, reason = "a failed test shows what the agent said")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the agent\n{}---", self.log());
        }
    }
}
