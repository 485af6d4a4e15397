//! Files that are taken into use again when they change, while the agent runs: certificates, keys, revocation lists, policies.
//!
//! A thread of its own looks at them every two seconds with stat(2) and reads what may have changed: a filesystem that hangs holds up
//! nothing else. What was in force stays in force until all of what is new can be used. Files that belong together are often replaced one after
//! the other, and some are written in place: what cannot be used is tried again for a moment before it is called a problem.

mod files;
mod round;

use std::{
    io,
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
};

pub(crate) use self::files::{Content, Files, WatchedFile, open_to_writers};
use self::round::Entry;

/// Something that is made from files.
pub(crate) trait FromFiles: Send + 'static {
    /// What it is, for the log and the audit trail: "policy".
    fn what(&self) -> &'static str;

    /// The files that it is made from.
    fn paths(&self) -> Vec<PathBuf>;

    /// Takes what they hold into force. `Ok`: what is in force now, in a few words: "12 rules". `Err`: why it cannot be; what was in
    /// force stays.
    fn take(&mut self, files: &Files) -> Result<String, String>;

    /// True if they can be used, but may be half of what is being written, and it would be bad to be taken in: then they are taken only if
    /// they are still the same at a later look.
    fn may_be_half(&self, _files: &Files) -> bool {
        false
    }

    /// The problem that the files have had for a while, or that they have none any more: for whoever asks how the agent fares.
    fn told(&mut self, problem: Option<&str>);
}

/// What came of changed files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reloaded {
    /// As [`FromFiles::what`] has it.
    pub(crate) what: &'static str,
    /// What is in force now, or why it still is what it was.
    pub(crate) result: Result<String, String>,
}

/// Everything that is made from files.
#[derive(Default)]
pub(crate) struct Reloader {
    entries: Vec<Entry>,
}

/// Asks for a look at all files now. Cheap to clone; when the last one is dropped, the looking ends.
#[derive(Clone, Debug)]
pub struct Reload {
    wake: Sender<()>,
}

impl Reloader {
    /// Adds something that was made from these files already.
    pub(crate) fn add(&mut self, thing: Box<dyn FromFiles>, files: &Files) {
        self.entries.push(Entry::new(thing, files));
    }

    /// Begins to look. `report` is called on the thread that looks, for each change and each problem once, after it was logged.
    pub(crate) fn start(self, report: impl Fn(Reloaded) + Send + 'static) -> io::Result<Reload> {
        let (wake, woken) = channel();
        let Reloader { mut entries } = self;
        thread::Builder::new().name("reload".to_owned()).spawn(move || look(&mut entries, &woken, &report))?;
        Ok(Reload { wake })
    }
}

impl Reload {
    /// Looks at all files at once, whatever stat(2) says of them, and says at once what is wrong with them.
    pub fn now(&self) {
        // The thread ends only after this sender.
        let _ = self.wake.send(());
    }
}

fn look(entries: &mut [Entry], woken: &Receiver<()>, report: &dyn Fn(Reloaded)) {
    loop {
        let pause = entries.iter().map(Entry::pause).min().unwrap_or(round::EVERY);
        let is_asked = match woken.recv_timeout(pause) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if is_asked {
            tracing::info!("looking at certificates, keys and lists, as asked by a signal");
        }
        for entry in &mut *entries {
            if let Some(reloaded) = entry.look(is_asked, std::time::Instant::now()) {
                log(&reloaded);
                report(reloaded);
            }
        }
    }
}

fn log(Reloaded { what, result }: &Reloaded) {
    match result {
        Ok(in_force) => tracing::info!(what, in_force, "changed files are in force"),
        Err(problem) => tracing::error!(what, problem, "changed files cannot be used; what was in force stays"),
    }
}
