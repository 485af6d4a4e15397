//! The judges: a Python process that answers with what psutil, procps and the kernel's files say.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
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
        Self::spawn(command)
    }

    /// Where folders of the machine are replaced by others: pairs of what is there and what it shall show.
    pub(crate) fn start_seeing<'a>(folders: impl IntoIterator<Item = (&'a str, &'a Path)>) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec"]);
        command.arg(r#"while [ "$1" != -- ]; do mount --bind "$2" "$1"; shift 2; done; shift; exec "$@""#).arg("sh");
        for (place, shown) in folders {
            command.arg(place).arg(shown);
        }
        command.arg("--").arg(python::python()).arg(python::script("judge.py"));
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
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

    /// Of sensors, power supplies, graphics processors and users only.
    pub(crate) fn hardware(&mut self) -> Opinions {
        serde_json::from_str(&self.ask("hardware")).unwrap()
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
