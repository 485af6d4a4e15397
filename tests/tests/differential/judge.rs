//! The judges: a Python process that answers with what psutil, procps and the kernel's files say.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use procwire_tests::python;
use serde_json::Value;

/// Path -> judge -> value.
pub(crate) type Opinions = BTreeMap<String, BTreeMap<String, Value>>;

pub(crate) struct Judge {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Judge {
    /// With the rights of this user, or of the one that runs the tests.
    pub(crate) fn start(uid: Option<u32>) -> Self {
        let mut command = Command::new(python::python());
        command.arg(python::script("judge.py"));
        if let Some(uid) = uid {
            command.args(["--uid", &uid.to_string()]);
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let questions = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, questions, answers }
    }

    /// Its own pid: it does not speak of itself.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// "PID START_TICKS" -> opinions; of all processes, if none are named.
    pub(crate) fn processes(&mut self, pids: &BTreeSet<u32>) -> BTreeMap<String, Opinions> {
        let pids: String = pids.iter().map(|pid| format!(" {pid}")).collect();
        serde_json::from_str(&self.ask(&format!("processes{pids}"))).unwrap()
    }

    /// Every socket of the host, as psutil tells them.
    pub(crate) fn connections(&mut self) -> Vec<BTreeMap<String, Value>> {
        serde_json::from_str(&self.ask("connections")).unwrap()
    }

    /// Who descends from a process, and from whom it does, as psutil tells it: see judge.py.
    pub(crate) fn relatives(&mut self, pid: u32) -> Value {
        serde_json::from_str(&self.ask(&format!("relatives {pid}"))).unwrap()
    }

    /// How psutil measures the use of processors: see judge.py.
    pub(crate) fn usage(&mut self, pid: u32) -> Value {
        serde_json::from_str(&self.ask(&format!("usage {pid}"))).unwrap()
    }

    pub(crate) fn system(&mut self) -> Opinions {
        serde_json::from_str(&self.ask("system")).unwrap()
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.questions, "{question}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "the judge fell silent; what it said stands above");
        answer
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
