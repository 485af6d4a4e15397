//! Where the answer goes and what it looks like there.

use std::io::{self, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::render::{clock::Clock, json, printable::printable};

/// How to print, as typed.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Form of the answer
    #[arg(short, long, value_name = "FORM", default_value = "table", global = true, help_heading = "Output")]
    pub(crate) output: Format,
    /// Colours: on a terminal, always or never (NO_COLOR is heeded)
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true, help_heading = "Output")]
    pub(crate) color: Colour,
}

#[cfg(test)]
impl OutputArgs {
    /// A table without colours.
    pub(crate) fn plain() -> Self {
        Self { output: Format::Table, color: Colour::Never }
    }
}

/// Form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people, fitted to the terminal
    Table,
    /// The same with more columns, as many as fit
    Wide,
    /// One JSON document; a list is an array with one object per line
    Json,
    /// One JSON object per line
    Ndjson,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The two streams and how to print on them.
pub(crate) struct Output {
    /// Form of the answer.
    pub(crate) format: Format,
    /// Columns of the terminal; `None` if the answer does not go to one, and then nothing is cut.
    pub(crate) width: Option<u16>,
    /// Lines of the terminal.
    pub(crate) height: Option<u16>,
    /// Columns of the terminal that notes go to; `None` if they do not go to one.
    pub(crate) notes_width: Option<u16>,
    /// Whether there is somebody to ask: a question can be read, and an answer typed.
    pub(crate) can_ask: bool,
    /// Whether lines of the answer that were printed may be written over.
    pub(crate) is_live: bool,
    /// Now, and the reader's time zone.
    pub(crate) clock: Clock,
    /// For the answer. Styled text may be written; what the stream cannot show is taken out.
    pub(crate) answer: Box<dyn Write>,
    /// For what is said beside the answer.
    pub(crate) notes: Box<dyn Write>,
}

impl Output {
    /// Standard output and standard error.
    pub(crate) fn standard(args: &OutputArgs) -> Self {
        let size = io::stdout().is_terminal().then(terminal_size);
        let notes_width = io::stderr().is_terminal().then(|| terminal_size().0);
        let choice = match args.output {
            // JSON has no styles: nothing to take out.
            Format::Json | Format::Ndjson => ColorChoice::AlwaysAnsi,
            Format::Table | Format::Wide => args.color.choice(&io::stdout()),
        };
        Self {
            format: args.output,
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            notes_width,
            can_ask: io::stdin().is_terminal() && notes_width.is_some(),
            // Where colours are taken out, what moves the cursor is too.
            is_live: size.is_some() && choice != ColorChoice::Never,
            clock: Clock::system(),
            answer: Box::new(io::BufWriter::with_capacity(64 * 1024, AutoStream::new(io::stdout(), choice))),
            notes: Box::new(AutoStream::new(io::stderr(), args.color.choice(&io::stderr()))),
        }
    }

    /// True if the answer is for people.
    pub(crate) fn is_for_people(&self) -> bool {
        matches!(self.format, Format::Table | Format::Wide)
    }

    /// Prints one value: indented as JSON, on one line as NDJSON.
    pub(crate) fn write_value(&mut self, value: &Value) -> io::Result<()> {
        match self.format {
            Format::Ndjson => json::write_line(&mut self.answer, value),
            _ => json::write_pretty(&mut self.answer, value),
        }
    }

    /// Says something beside the answer, on one line of its own.
    pub(crate) fn note(&mut self, text: &str) -> io::Result<()> {
        // What came before shall be on the screen before.
        self.answer.flush()?;
        writeln!(self.notes, "{}", printable(text))
    }
}

impl Colour {
    fn choice<S: anstream::stream::RawStream>(self, stream: &S) -> ColorChoice {
        match self {
            Self::Auto => AutoStream::choice(stream),
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
    }
}

/// COLUMNS and LINES, else what the terminal says, else the 80 by 24 of old.
fn terminal_size() -> (u16, u16) {
    let variable = |name| std::env::var(name).ok()?.parse().ok().filter(|size| *size > 0);
    let asked = terminal_size::terminal_size();
    let width = variable("COLUMNS").or(asked.map(|(width, _)| width.0)).filter(|width| *width > 0);
    let height = variable("LINES").or(asked.map(|(_, height)| height.0)).filter(|height| *height > 0);
    (width.unwrap_or(80), height.unwrap_or(24))
}
