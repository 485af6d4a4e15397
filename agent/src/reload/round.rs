//! One look at what some files hold, and what follows from it.

use std::time::{Duration, Instant};

use super::{
    FromFiles, Reloaded,
    files::{Files, Fingerprint, Marks},
};

/// How often files are looked at.
pub(super) const EVERY: Duration = Duration::from_secs(2);
/// How often while they cannot be used and no one was told yet.
const EVERY_WHILE_FAILING: Duration = Duration::from_millis(200);
/// How long files that cannot be used may be half of a change that is still going on.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// Something made from files, and what is known of them.
pub(super) struct Entry {
    thing: Box<dyn FromFiles>,
    marks: Marks,
    /// Of what was tried last.
    tried: Fingerprint,
    failing: Option<Failing>,
    /// What may be half of a change.
    doubtful: Option<Doubtful>,
}

struct Doubtful {
    since: Instant,
    seen: Fingerprint,
}

struct Failing {
    since: Instant,
    problem: String,
    is_told: bool,
}

impl Entry {
    pub(super) fn new(thing: Box<dyn FromFiles>, files: &Files) -> Entry {
        Entry { thing, marks: files.marks(), tried: files.fingerprint(), failing: None, doubtful: None }
    }

    /// Until the next look.
    pub(super) fn pause(&self) -> Duration {
        match &self.failing {
            Some(Failing { is_told: false, .. }) => EVERY_WHILE_FAILING,
            _ => EVERY,
        }
    }

    /// Looks, and gives what is to be told. `is_asked`: somebody wants to know now.
    pub(super) fn look(&mut self, is_asked: bool, now: Instant) -> Option<Reloaded> {
        let paths = self.thing.paths();
        if is_asked || self.doubtful.is_some() || !self.marks.still_hold(&paths) {
            let files = Files::read(&paths);
            self.marks = files.marks();
            let fingerprint = files.fingerprint();
            if self.tried == fingerprint {
                self.doubtful = None;
            } else if !self.is_to_be_doubted(&files, &fingerprint, is_asked, now) {
                self.doubtful = None;
                self.tried = fingerprint;
                match self.thing.take(&files) {
                    Ok(in_force) => return Some(self.succeeded(in_force)),
                    Err(problem) => self.failed(problem, now),
                }
            }
        }
        self.tell(is_asked, now)
    }

    /// Who asks has written all of it.
    fn is_to_be_doubted(&mut self, files: &Files, fingerprint: &Fingerprint, is_asked: bool, now: Instant) -> bool {
        if is_asked || !self.thing.may_be_half(files) {
            return false;
        }
        match &self.doubtful {
            Some(Doubtful { since, seen }) if seen == fingerprint => now.duration_since(*since) < EVERY,
            _ => {
                self.doubtful = Some(Doubtful { since: now, seen: fingerprint.clone() });
                true
            }
        }
    }

    fn succeeded(&mut self, in_force: String) -> Reloaded {
        self.failing = None;
        self.thing.told(None);
        Reloaded { what: self.thing.what(), result: Ok(in_force) }
    }

    fn failed(&mut self, problem: String, now: Instant) {
        self.failing = match self.failing.take() {
            // What changes all the time and is never good is a problem, too.
            Some(failing) if !failing.is_told => Some(Failing { problem, ..failing }),
            Some(failing) if failing.problem == problem => Some(failing),
            _ => Some(Failing { since: now, problem, is_told: false }),
        };
    }

    fn tell(&mut self, is_asked: bool, now: Instant) -> Option<Reloaded> {
        let failing = self.failing.as_mut().filter(|failing| !failing.is_told)?;
        if !is_asked && now.duration_since(failing.since) < GRACE {
            return None;
        }
        failing.is_told = true;
        self.thing.told(Some(&failing.problem));
        Some(Reloaded { what: self.thing.what(), result: Err(failing.problem.clone()) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{
        fs,
        path::PathBuf,
        sync::{Arc, Mutex},
    };

    use super::*;

    /// Two files that must hold the same.
    struct Pair {
        paths: [PathBuf; 2],
        told: Arc<Mutex<Vec<Option<String>>>>,
    }

    impl FromFiles for Pair {
        fn what(&self) -> &'static str {
            "pair"
        }

        fn paths(&self) -> Vec<PathBuf> {
            self.paths.to_vec()
        }

        fn take(&mut self, files: &Files) -> Result<String, String> {
            let texts: Vec<String> = files
                .iter()
                .map(|file| match &file.content {
                    Ok(content) => Ok(String::from_utf8_lossy(&content.bytes).into_owned()),
                    Err(error) => Err(error.to_string()),
                })
                .collect::<Result<_, _>>()?;
            match texts.as_slice() {
                [one, other] if one == other => Ok(one.clone()),
                _ => Err(format!("{} do not match", texts.join(" and "))),
            }
        }

        /// Files that are empty.
        fn may_be_half(&self, files: &Files) -> bool {
            files.iter().all(|file| file.content.as_ref().is_ok_and(|content| content.bytes.is_empty()))
        }

        fn told(&mut self, problem: Option<&str>) {
            self.told.lock().unwrap().push(problem.map(str::to_owned));
        }
    }

    struct Fixture {
        _folder: tempfile::TempDir,
        paths: [PathBuf; 2],
        told: Arc<Mutex<Vec<Option<String>>>>,
        entry: Entry,
        start: Instant,
    }

    impl Fixture {
        fn new() -> Fixture {
            let folder = tempfile::tempdir().unwrap();
            let paths = ["one", "other"].map(|name| folder.path().join(name));
            for path in &paths {
                fs::write(path, "a").unwrap();
            }
            let told = Arc::<Mutex<Vec<_>>>::default();
            let pair = Pair { paths: paths.clone(), told: Arc::clone(&told) };
            let entry = Entry::new(Box::new(pair), &Files::read(&paths));
            Fixture { _folder: folder, paths, told, entry, start: Instant::now() }
        }

        fn write(&self, texts: [&str; 2]) {
            for (path, text) in self.paths.iter().zip(texts) {
                fs::write(path, text).unwrap();
            }
        }

        fn look(&mut self, after: Duration) -> Option<Result<String, String>> {
            self.entry.look(false, self.start + after).map(|reloaded| reloaded.result)
        }

        fn told(&self) -> Vec<Option<String>> {
            self.told.lock().unwrap().clone()
        }
    }

    const SOON: Duration = Duration::from_millis(500);

    #[test]
    fn what_has_not_changed_is_not_taken_again() {
        let mut files = Fixture::new();
        assert_eq!(files.look(SOON), None);
        files.write(["a", "a"]);
        assert_eq!(files.look(GRACE * 2), None, "touched, but the same");
        assert!(files.told().is_empty());
    }

    #[test]
    fn half_a_change_is_no_alarm() {
        let mut files = Fixture::new();
        files.write(["b", "a"]);
        assert_eq!(files.look(SOON), None);
        assert_eq!(files.entry.pause(), EVERY_WHILE_FAILING);
        files.write(["b", "b"]);
        assert_eq!(files.look(SOON * 2), Some(Ok("b".to_owned())));
        assert_eq!(files.told(), [None]);
        assert_eq!(files.entry.pause(), EVERY);
    }

    #[test]
    fn what_may_be_half_is_taken_only_if_it_stays() {
        let mut files = Fixture::new();
        files.write(["", ""]);
        assert_eq!(files.look(SOON), None);
        assert_eq!(files.look(SOON + EVERY / 2), None, "it was seen, but a moment ago");
        files.write(["b", "b"]);
        assert_eq!(files.look(SOON + EVERY), Some(Ok("b".to_owned())), "the rest of it came");
        files.write(["", ""]);
        assert_eq!(files.look(EVERY * 3), None, "it was seen before, but not since");
        files.write(["b", "b"]);
        assert_eq!(files.look(EVERY * 4), None, "nothing has changed");
        files.write(["", ""]);
        assert_eq!(files.look(EVERY * 5), None);
        assert_eq!(files.look(EVERY * 6), Some(Ok(String::new())));
        assert_eq!(files.told(), [None, None], "no alarm");
    }

    #[test]
    fn who_asks_has_written_all_of_it() {
        let mut files = Fixture::new();
        files.write(["", ""]);
        assert_eq!(files.entry.look(true, files.start).unwrap().result, Ok(String::new()));
    }

    #[test]
    fn a_problem_is_told_once_for_each_change_and_when_it_is_over() {
        let mut files = Fixture::new();
        files.write(["b", "a"]);
        let problem = "b and a do not match".to_owned();
        assert_eq!(files.look(SOON), None);
        assert_eq!(files.look(SOON + GRACE), Some(Err(problem.clone())));
        assert_eq!(files.look(SOON + GRACE * 2), None, "once");
        assert_eq!(files.entry.pause(), EVERY);
        files.write(["c", "a"]);
        assert_eq!(files.look(GRACE * 3), None);
        let other = "c and a do not match".to_owned();
        assert_eq!(files.look(GRACE * 4), Some(Err(other.clone())));
        files.write(["c", "c"]);
        assert_eq!(files.look(GRACE * 4), Some(Ok("c".to_owned())));
        assert_eq!(files.told(), [Some(problem), Some(other), None]);
    }

    #[test]
    fn what_changes_all_the_time_and_is_never_good_is_told_too() {
        let mut files = Fixture::new();
        for step in 0..10 {
            files.write([&step.to_string(), "a"]);
            if files.look(GRACE * step / 8).is_some() {
                assert!(step >= 8);
                return;
            }
        }
        assert!(!files.told().is_empty());
    }

    #[test]
    fn who_asks_is_told_at_once() {
        let mut files = Fixture::new();
        files.write(["b", "a"]);
        let told = files.entry.look(true, files.start);
        assert_eq!(told.unwrap().result, Err("b and a do not match".to_owned()));
    }

    #[test]
    fn what_was_good_again_in_its_old_state_is_good() {
        let mut files = Fixture::new();
        files.write(["b", "a"]);
        files.look(SOON);
        files.look(SOON + GRACE);
        files.write(["a", "a"]);
        assert_eq!(files.look(GRACE * 3), Some(Ok("a".to_owned())));
        assert_eq!(files.told().last(), Some(&None));
    }

    #[test]
    fn a_file_that_vanished_is_a_problem_and_its_return_the_end_of_it() {
        let mut files = Fixture::new();
        fs::remove_file(&files.paths[0]).unwrap();
        assert_eq!(files.look(SOON), None);
        let told = files.look(SOON + GRACE).unwrap().unwrap_err();
        assert!(told.contains("No such file"), "{told}");
        files.write(["a", "a"]);
        assert_eq!(files.look(GRACE * 3), Some(Ok("a".to_owned())));
    }
}
