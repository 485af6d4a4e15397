//! What happens to several processes, as it happens: a line for each that is written over, a counter where they are many, and plain
//! lines where the answer goes to no terminal.

use std::{collections::HashMap, io};

use procwire_client::ProcessRef;
use procwire_proto::v1::ControlTarget;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::chosen::name_of;
use crate::output::Output;

/// Lines of the terminal that are left to what stands around.
const OTHER_LINES: u16 = 4;

/// Where a process is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Something was done to it.
    Underway,
    /// It came to the end that was wanted.
    Ended,
    /// It did not.
    Left,
}

/// The lines.
#[derive(Debug)]
pub(crate) struct Progress {
    form: Form,
    order: Vec<Identity>,
    known: HashMap<Identity, Line>,
    width: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A line as it comes.
    Plain,
    /// A line for each, written over.
    Block,
    /// One line for all, written over.
    Counter,
}

/// Pid and start: within one answer, all that tells processes apart.
type Identity = (u32, u64);

#[derive(Debug)]
struct Line {
    label: String,
    text: String,
    stage: Option<Stage>,
}

impl Progress {
    /// With a line for each of these.
    pub(crate) fn new<'a>(targets: impl Iterator<Item = &'a ControlTarget>, out: &mut Output) -> Self {
        let mut progress = Self {
            form: Form::Plain,
            order: Vec::new(),
            known: HashMap::new(),
            width: usize::from(out.width.unwrap_or(80)).saturating_sub(1),
        };
        for target in targets {
            progress.add(target);
        }
        let room = usize::from(out.height.unwrap_or(24).saturating_sub(OTHER_LINES));
        progress.form = match out.width {
            None => Form::Plain,
            Some(_) if progress.order.len() > room => Form::Counter,
            Some(_) if out.is_live => Form::Block,
            Some(_) => Form::Plain,
        };
        progress
    }

    /// One more, that was not there in the beginning.
    pub(crate) fn joined(&mut self, target: &ControlTarget, out: &mut Output) -> io::Result<()> {
        self.clear(out)?;
        if self.form == Form::Block {
            self.form = Form::Counter;
        }
        self.add(target);
        if self.form == Form::Plain {
            let label =
                target.r#ref.as_ref().and_then(|reference| Some(self.known.get(&identity(reference))?.label.clone()));
            writeln!(out.answer, "{}: joined", label.unwrap_or_default())?;
        }
        self.draw_counter(out)
    }

    /// What happened to one of them, in words that are safe to print.
    pub(crate) fn step(&mut self, process: &ProcessRef, stage: Stage, text: &str, out: &mut Output) -> io::Result<()> {
        let line = self.known.entry(identity(process)).or_insert_with(|| {
            self.order.push(identity(process));
            Line { label: process.to_string(), text: String::new(), stage: None }
        });
        let is_first = line.text.is_empty();
        (line.text, line.stage) = (text.trim_start().to_owned(), Some(stage));
        match self.form {
            Form::Plain => {
                writeln!(out.answer, "{}: {}", line.label, line.text)?;
            }
            Form::Block => self.draw_line(identity(process), is_first, out)?,
            Form::Counter => self.draw_counter(out)?,
        }
        out.answer.flush()
    }

    /// Leaves what is worth reading later: where all were counted, those that did not come to the end that was wanted.
    pub(crate) fn finish(self, out: &mut Output) -> io::Result<()> {
        if self.form != Form::Counter {
            return Ok(());
        }
        self.clear(out)?;
        let lines = self.order.iter().filter_map(|process| self.known.get(process));
        for line in lines.filter(|line| line.stage == Some(Stage::Left)) {
            writeln!(out.answer, "{}: {}", line.label, line.text)?;
        }
        Ok(())
    }

    fn add(&mut self, target: &ControlTarget) {
        let Some(reference) = &target.r#ref else { return };
        let label = format!("{reference} {}", name_of(target));
        if self.known.insert(identity(reference), Line { label, text: String::new(), stage: None }).is_none() {
            self.order.push(identity(reference));
        }
    }

    /// The block stands above the cursor once its first line was drawn.
    fn draw_line(&self, process: Identity, is_first: bool, out: &mut Output) -> io::Result<()> {
        let drawn = self.known.values().filter(|line| line.stage.is_some()).count();
        let stands = !(is_first && drawn == 1);
        if !stands {
            for line in self.order.iter().filter_map(|process| self.known.get(process)) {
                writeln!(out.answer, "{}", self.shown(line))?;
            }
            return Ok(());
        }
        let (Some(index), Some(line)) =
            (self.order.iter().position(|other| *other == process), self.known.get(&process))
        else {
            return Ok(());
        };
        let up = self.order.len() - index;
        write!(out.answer, "\x1b[{up}A\r\x1b[2K{}\x1b[{up}B\r", self.shown(line))
    }

    fn draw_counter(&self, out: &mut Output) -> io::Result<()> {
        if self.form != Form::Counter {
            return Ok(());
        }
        let count = |stage| self.known.values().filter(|line| line.stage == Some(stage)).count();
        let (all, ended, left) = (self.known.len(), count(Stage::Ended), count(Stage::Left));
        let others = if left > 0 { format!(", {left} refused or still running") } else { String::new() };
        let text = cut(&format!("{ended} of {all} ended{others}"), self.width);
        let padding = self.width.saturating_sub(text.width());
        write!(out.answer, "\r{text}{:padding$}", "")?;
        out.answer.flush()
    }

    fn clear(&self, out: &mut Output) -> io::Result<()> {
        if self.form == Form::Counter { write!(out.answer, "\r{:width$}\r", "", width = self.width) } else { Ok(()) }
    }

    fn shown(&self, line: &Line) -> String {
        cut_styled(&format!("{}: {}", line.label, line.text), self.width)
    }
}

fn identity(process: &ProcessRef) -> Identity {
    (process.pid, process.start_ticks)
}

/// As much as has room on a line.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |character: &char| {
        let width = character.width().unwrap_or_default();
        let fits = width <= room;
        room = room.saturating_sub(width);
        fits
    };
    let mut shown: String = text.chars().take_while(fits).collect();
    shown.push('…');
    shown
}

/// The same of text with styles in it, which are kept if all of it has room.
fn cut_styled(text: &str, width: usize) -> String {
    let plain = anstream::adapter::strip_str(text).to_string();
    if plain.width() <= width { text.to_owned() } else { cut(&plain, width) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::output::OutputArgs;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn target(pid: u32) -> ControlTarget {
        // The steps name it without the inode.
        let reference = ProcessRef { pid, start_ticks: 9, pidfd_inode: Some(7), ..ProcessRef::default() };
        ControlTarget { r#ref: Some(reference), name: Some(b")\n\x1b[2J".to_vec()), ..ControlTarget::default() }
    }

    fn reference(pid: u32) -> ProcessRef {
        ProcessRef { pidfd_inode: None, ..target(pid).r#ref.unwrap() }
    }

    /// What is printed for so many processes of which the first and the last end and the second is refused.
    fn printed(count: u32, width: Option<u16>, is_live: bool) -> String {
        let written = Shared::default();
        let mut out = Output::standard(&OutputArgs::plain());
        (out.width, out.height, out.is_live, out.answer) = (width, Some(24), is_live, Box::new(written.clone()));
        let targets: Vec<_> = (1..=count).map(target).collect();
        let mut progress = Progress::new(targets.iter(), &mut out);
        progress.step(&reference(1), Stage::Underway, "  SIGTERM sent", &mut out).unwrap();
        progress.step(&reference(2), Stage::Left, "refused: protected", &mut out).unwrap();
        progress.step(&reference(1), Stage::Ended, "ended: exit code 0", &mut out).unwrap();
        progress.step(&reference(count), Stage::Ended, "ended: exit code 0", &mut out).unwrap();
        progress.finish(&mut out).unwrap();
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn without_a_terminal_each_step_has_its_line() {
        assert_eq!(
            printed(3, None, false),
            r"1@9 )\n\x1b[2J: SIGTERM sent
2@9 )\n\x1b[2J: refused: protected
1@9 )\n\x1b[2J: ended: exit code 0
3@9 )\n\x1b[2J: ended: exit code 0
"
        );
    }

    #[test]
    fn on_a_terminal_the_line_of_a_process_is_written_over() {
        let text = printed(3, Some(80), true);
        let (block, updates) = text.split_at(text.find("\x1b[").unwrap());
        assert_eq!(block.lines().count(), 3, "{text:?}");
        assert!(updates.starts_with("\x1b[2A\r\x1b[2K2@9"), "{text:?}");
        assert!(
            updates.contains("\x1b[3A\r\x1b[2K1@9") && updates.ends_with("ended: exit code 0\x1b[1B\r"),
            "{text:?}"
        );
        assert_eq!(text.matches('\n').count(), 3, "nothing scrolls: {text:?}");
        let narrow = printed(3, Some(20), true);
        assert!(narrow.lines().next().unwrap().ends_with('…'), "{narrow:?}");
    }

    #[test]
    fn many_are_counted_and_those_that_are_left_are_named_at_the_end() {
        let text = printed(200, Some(80), true);
        assert!(text.contains("\r2 of 200 ended, 1 refused or still running"), "{text:?}");
        assert!(text.ends_with("\r2@9 )\\n\\x1b[2J: refused: protected\n"), "{text:?}");
        assert!(!text.contains('\u{1b}'));
    }
}
