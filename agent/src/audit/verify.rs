//! Checks a chain line by line, and says which line was changed, left out, put in, moved or torn.
//!
//! A line is accepted without a finding only if it is whole in itself and links to the one before. Everything else is a finding; what
//! kind of, is the explanation that fits the lines around it.

mod finding;

use serde::Deserialize;

pub use self::finding::{Finding, FindingKind, Place};
use super::chain::{Broken, Head, Sealed};

/// Findings beyond this are only counted.
const FINDINGS_MAX: usize = 1000;
/// Broken lines, gaps and the like that are kept until they can be explained.
const OPEN_MAX: usize = 1000;

/// Checks lines in the order in which they come.
#[derive(Debug, Default)]
pub struct Verifier {
    files: Vec<String>,
    line: u64,
    records: u64,
    first: Option<u64>,
    /// The record that the next one has to link to.
    last: Option<Known>,
    /// The one before it.
    before: Option<Known>,
    /// Why `last` does not link to `before`, if it does not: it may have been put in.
    doubt: Option<Doubt>,
    /// Lines since `last` that are broken.
    broken: Vec<(Place, Broken)>,
    /// Records that are missing so far: from, to, and where the next one stands.
    gaps: Vec<(u64, u64, Place)>,
    /// The end of a run of records that stand where they should not.
    stray: Option<Head>,
    wanted: Option<Wanted>,
    findings: Vec<Finding>,
    findings_total: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Verdict {
    /// What is wrong, in the order of the lines as far as possible. Empty: the chain is whole.
    pub findings: Vec<Finding>,
    /// How many there were; more than are listed if there are very many.
    pub findings_total: u64,
    /// Names of the files, as findings number them.
    pub files: Vec<String>,
    /// Records that are whole in themselves.
    pub records: u64,
    /// Number of the first record.
    pub first: Option<u64>,
    /// The last record.
    pub head: Option<Head>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    head: Head,
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Doubt {
    /// Records between the two are missing.
    Gap { from: u64, to: u64 },
    /// It has another hash for the one before.
    Link,
    /// It follows `before`, and so did this one, or it left room for it: one of the two does not belong there.
    Rival { other: Known, leaves_room: bool },
}

#[derive(Clone, Copy, Debug)]
struct Wanted {
    head: Head,
    is_there: bool,
}

#[derive(Deserialize)]
struct Kind {
    event: String,
}

impl Verifier {
    /// Also demands that the trail has this record.
    #[must_use]
    pub fn expecting(self, head: Head) -> Self {
        Self { wanted: Some(Wanted { head, is_there: head == Head::NONE }), ..self }
    }

    /// The lines that come next are of this file.
    pub fn file(&mut self, name: &str) {
        self.files.push(name.to_owned());
        self.line = 0;
    }

    /// The next line, without its newline.
    pub fn line(&mut self, line: &[u8]) {
        let place = self.next_place();
        match Sealed::read(line) {
            Ok(sealed) => self.whole(sealed, place, line),
            Err(broken) if self.broken.len() < OPEN_MAX => self.broken.push((place, broken)),
            Err(broken) => self.find(FindingKind::Changed, place, format!("the line {broken}")),
        }
    }

    /// The last line of a file, if no newline ends it.
    pub fn unended_line(&mut self, line: &[u8]) {
        let place = self.next_place();
        match Sealed::read(line) {
            Ok(sealed) => {
                self.whole(sealed, place, line);
                self.find(FindingKind::Torn, place, "its newline is missing".to_owned());
            }
            Err(_) => {
                self.find(FindingKind::Torn, place, format!("torn: {} bytes of a line without its end", line.len()));
            }
        }
    }

    /// No more lines.
    pub fn finish(mut self) -> Verdict {
        for (place, broken) in std::mem::take(&mut self.broken) {
            self.find(FindingKind::Changed, place, format!("the line {broken}"));
        }
        self.settle_doubt();
        for (from, to, place) in std::mem::take(&mut self.gaps) {
            self.find(FindingKind::Dropped, place, format!("before this line {} missing", records(from, to)));
        }
        if let Some(Wanted { head, is_there: false }) = self.wanted {
            self.miss(head);
        }
        self.findings.sort_by_key(|finding| finding.place);
        let Self { findings, findings_total, files, records, first, last, .. } = self;
        Verdict { findings, findings_total, files, records, first, head: last.map(|known| known.head) }
    }

    fn next_place(&mut self) -> Place {
        self.line = self.line.saturating_add(1);
        Place { file: self.files.len().saturating_sub(1), line: self.line }
    }

    fn whole(&mut self, sealed: Sealed, place: Place, line: &[u8]) {
        self.records = self.records.saturating_add(1);
        self.look_for_wanted(sealed.head, place);
        let new = Known { head: sealed.head, place };
        let Some(last) = self.last else { return self.begin(sealed, new, line) };
        if sealed.follows(last.head) {
            self.settle_broken(0, 0);
            if let Some(Doubt::Rival { other, .. }) = self.doubt.take_if(|doubt| matches!(doubt, Doubt::Rival { .. })) {
                self.find_put_in(other);
            }
            self.settle_doubt();
            return self.accept(new, None);
        }
        if self.stray.is_some_and(|stray| sealed.follows(stray)) {
            self.stray = Some(new.head);
            return;
        }
        if let Some(Doubt::Rival { other, leaves_room }) = self.doubt
            && sealed.follows(other.head)
        {
            if leaves_room {
                self.find_moved(last);
            } else {
                self.find_put_in(last);
            }
            self.last = Some(other);
            return self.accept(new, None);
        }
        if self.before.is_some_and(|before| sealed.follows(before.head)) {
            let leaves_room = matches!(self.doubt, Some(Doubt::Gap { .. }));
            if matches!(self.doubt, Some(Doubt::Link)) {
                self.find_put_in(last);
                self.doubt = None;
            } else {
                self.doubt = Some(Doubt::Rival { other: last, leaves_room });
            }
            self.last = Some(new);
            return;
        }
        self.stray = None;
        match last.head.sequence.checked_add(1) {
            Some(next) if sealed.head.sequence == next => {
                self.settle_broken(0, 0);
                self.settle_doubt();
                self.accept(new, Some(Doubt::Link));
            }
            Some(next) if sealed.head.sequence > next => {
                let to = sealed.head.sequence.saturating_sub(1);
                self.settle_doubt();
                let doubt = if self.settle_broken(next, to) { None } else { Some(Doubt::Gap { from: next, to }) };
                self.accept(new, doubt);
            }
            _ => self.out_of_order(sealed, new, line),
        }
    }

    fn begin(&mut self, sealed: Sealed, new: Known, line: &[u8]) {
        let broken = u64::try_from(self.broken.len()).unwrap_or(u64::MAX);
        self.first = Some(sealed.head.sequence);
        self.last = Some(new);
        if broken > 0 {
            self.settle_broken(
                sealed.head.sequence.saturating_sub(broken).max(1),
                sealed.head.sequence.saturating_sub(1),
            );
            return;
        }
        let is_beginning = matches!(event(line).as_deref(), Some("begin" | "continue"));
        if !is_beginning || (sealed.head.sequence == 1 && sealed.previous != Head::NONE.hash) {
            let lost = match sealed.head.sequence {
                1 => "the line before it is missing".to_owned(),
                number => format!("the beginning of the file is missing: a file does not begin with record {number}"),
            };
            self.find(FindingKind::Dropped, new.place, lost);
        }
    }

    fn accept(&mut self, new: Known, doubt: Option<Doubt>) {
        self.before = self.last;
        self.last = Some(new);
        self.doubt = doubt;
        self.stray = None;
    }

    fn out_of_order(&mut self, sealed: Sealed, new: Known, line: &[u8]) {
        let number = sealed.head.sequence;
        self.settle_broken(0, 0);
        if let Some(Doubt::Gap { from, to }) = self.doubt
            && (from..=to).contains(&number)
        {
            // It is missing where the last one stands, so that one is in its place.
            self.settle_doubt();
        }
        if let Some(at) = self.gaps.iter().position(|(from, to, _)| (*from..=*to).contains(&number)) {
            let (from, to, place) = self.gaps.swap_remove(at);
            let left = (from < number).then(|| (from, number.saturating_sub(1), place));
            let right = (number < to).then(|| (number.saturating_add(1), to, place));
            self.gaps.extend(left.into_iter().chain(right));
            self.find_moved(new);
            self.stray = None;
            return;
        }
        if number == 1 && event(line).as_deref() == Some("begin") {
            self.settle_doubt();
            self.find(
                FindingKind::Begun,
                new.place,
                "a new chain begins: nothing links it to the records before".to_owned(),
            );
            return self.accept(new, None);
        }
        self.find(
            FindingKind::Inserted,
            new.place,
            format!("record {number} was put in, here or above: its number has been there"),
        );
        self.stray = Some(new.head);
    }

    /// Broken lines stand for the records `from` to `to` that are missing, or were put in. True if that explains all of them.
    fn settle_broken(&mut self, from: u64, to: u64) -> bool {
        let broken = std::mem::take(&mut self.broken);
        let missing = if from == 0 { 0 } else { to.saturating_sub(from).saturating_add(1) };
        let stand_for_records = u64::try_from(broken.len()).is_ok_and(|lines| lines == missing);
        for (number, (place, why)) in (from..).zip(&broken) {
            match (stand_for_records, missing) {
                (true, _) => self.find(FindingKind::Changed, *place, format!("record {number} {}", in_words(*why))),
                (false, 0) => self.find(
                    FindingKind::Inserted,
                    *place,
                    format!("the line {why}, and was put in: no record is missing"),
                ),
                (false, _) => self.find(FindingKind::Changed, *place, format!("the line {why}")),
            }
        }
        stand_for_records && missing > 0
    }

    /// Nothing that came later explains it better.
    fn settle_doubt(&mut self) {
        let Some(last) = self.last else { return };
        match self.doubt.take() {
            None => {}
            Some(Doubt::Gap { from, to }) if self.gaps.len() < OPEN_MAX => self.gaps.push((from, to, last.place)),
            Some(Doubt::Gap { from, to }) => {
                self.find(FindingKind::Dropped, last.place, format!("before this line {} missing", records(from, to)));
            }
            Some(Doubt::Link) => {
                let place = self.before.map_or(last.place, |before| before.place);
                let number = last.head.sequence;
                let before = number.saturating_sub(1);
                self.find(
                    FindingKind::Changed,
                    place,
                    format!("record {before} was changed together with its hash: record {number} has another for it"),
                );
            }
            Some(Doubt::Rival { other, leaves_room: true })
                if last.head.sequence.checked_add(1) == Some(other.head.sequence) =>
            {
                self.find_moved(last);
            }
            Some(Doubt::Rival { other, leaves_room: true }) => self.find_put_in(other),
            Some(Doubt::Rival { other, leaves_room: false }) => {
                let (number, line) = (last.head.sequence, other.place.line);
                let what = format!("record {number} is there twice: this one or that of line {line} was put in");
                self.find(FindingKind::Inserted, last.place, what);
            }
        }
    }

    fn find_put_in(&mut self, known: Known) {
        let what = format!("record {} was put in: it leads to nothing", known.head.sequence);
        self.find(FindingKind::Inserted, known.place, what);
    }

    fn find_moved(&mut self, known: Known) {
        let what = format!("record {} was moved here: it belongs before a line above", known.head.sequence);
        self.find(FindingKind::Moved, known.place, what);
    }

    fn look_for_wanted(&mut self, head: Head, place: Place) {
        let Some(wanted) = &mut self.wanted else { return };
        if wanted.head.sequence != head.sequence || wanted.is_there {
            return;
        }
        if wanted.head == head {
            wanted.is_there = true;
            return;
        }
        let number = head.sequence;
        self.find(
            FindingKind::Changed,
            place,
            format!("record {number} is not the one of the head: it had another hash when that was noted"),
        );
    }

    fn miss(&mut self, wanted: Head) {
        let last_place = Place { file: self.files.len().saturating_sub(1), line: self.line };
        let number = wanted.sequence;
        match (self.first, self.last) {
            (Some(first), _) if number < first => {
                let place = Place { file: 0, line: 1 };
                self.find(FindingKind::End, place, format!("record {number} of the head is older than these files, which begin with {first}: it cannot be checked"));
            }
            (_, Some(last)) if number > last.head.sequence => {
                let from = last.head.sequence.saturating_add(1);
                self.find(
                    FindingKind::End,
                    last_place,
                    format!("the end was cut off: {} missing", records(from, number)),
                );
            }
            (_, None) => {
                self.find(
                    FindingKind::End,
                    last_place,
                    format!("there are no records: {} missing", records(1, number)),
                );
            }
            // Another record has its number, or it is missing in the middle: that was said.
            _ => {}
        }
    }

    fn find(&mut self, kind: FindingKind, place: Place, what: String) {
        self.findings_total = self.findings_total.saturating_add(1);
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { kind, place, what });
        }
    }
}

fn event(line: &[u8]) -> Option<String> {
    serde_json::from_slice(line).ok().map(|Kind { event }| event)
}

fn in_words(broken: Broken) -> &'static str {
    match broken {
        Broken::Changed => "was changed: the hash is not that of the text",
        Broken::NoRecord => "was changed: what stands here is no record",
    }
}

/// "record 7 is", "records 7 to 9 are".
fn records(from: u64, to: u64) -> String {
    if from == to { format!("record {from} is") } else { format!("records {from} to {to} are") }
}

#[cfg(test)]
mod tests;
