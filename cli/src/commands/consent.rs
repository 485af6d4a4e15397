//! Asking before more than one process is hit.

use clap::Args;
use rustix::termios::{QueueSelector, tcflush};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, stdin},
    signal::ctrl_c,
};

use crate::{error::CliError, output::Output, render::wrap::wrap};

/// How to act, as typed: the same for every command that does.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Acting")]
pub(crate) struct ActionArgs {
    /// Why, for the audit record
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Name of this action: done once, however often it is asked for within 10 minutes
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Check everything, do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask; for more than one process --expect or --at-most must say how many
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// How many processes there must be; if there are more or fewer, nothing is done
    #[arg(long, value_name = "N")]
    pub(crate) expect: Option<u32>,
    /// How many processes there may be; if there are more, nothing is done
    #[arg(long, value_name = "N")]
    pub(crate) at_most: Option<u32>,
}

/// For the help of every command that acts.
pub(crate) const HELP: &str = "\
Before more than one process is hit they are shown and a question is asked. Where nobody can be asked, --yes with
--expect N (or --at-most N) answers it; otherwise nothing is done (exit code 9). A pattern never means this command,
the agent or what they were started by.";

impl ActionArgs {
    /// Settles whether so many processes may be hit. `question` is what will be done to them.
    pub(crate) async fn consent(&self, count: u32, question: &str, out: &mut Output) -> Result<(), CliError> {
        self.check(count)?;
        if count <= 1 || self.dry_run {
            return Ok(());
        }
        if self.yes && (self.expect.is_some() || self.at_most.is_some()) {
            return Ok(());
        }
        if self.yes {
            let problem =
                format!("--yes does not say to how many; add --expect {count}, or --at-most N; nothing was done");
            return Err(CliError::Unconfirmed(problem));
        }
        if !out.can_ask {
            let problem = format!(
                "{count} processes match and nobody can be asked; add --yes --expect {count}; nothing was done"
            );
            return Err(CliError::Unconfirmed(problem));
        }
        ask(question, out).await
    }

    /// How many may be hit where a scope was rehearsed and found so many: what was typed; else as many, and if somebody reads that
    /// number in the question, some that come meanwhile.
    pub(crate) fn most(&self, count: u32) -> u32 {
        let is_said = count > 1 || self.dry_run;
        let slack = if is_said { (count / 2).saturating_add(8) } else { 0 };
        self.at_most.or(self.expect).unwrap_or_else(|| count.saturating_add(slack).max(1))
    }

    /// Refuses another number than the one that was typed.
    fn check(&self, count: u32) -> Result<(), CliError> {
        let noun = if count == 1 { "process matches" } else { "processes match" };
        if let Some(expected) = self.expect.filter(|expected| *expected != count) {
            let problem = format!("{count} {noun}, not the {expected} of --expect; nothing was done");
            return Err(CliError::Unconfirmed(problem));
        }
        if let Some(most) = self.at_most.filter(|most| *most < count) {
            let problem = format!("{count} {noun}, more than the {most} of --at-most; nothing was done");
            return Err(CliError::Unconfirmed(problem));
        }
        Ok(())
    }
}

async fn ask(question: &str, out: &mut Output) -> Result<(), CliError> {
    out.answer.flush()?;
    // What was typed before the question is no answer to it.
    tcflush(std::io::stdin(), QueueSelector::IFlush).map_err(std::io::Error::from)?;
    let width = out.notes_width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(1));
    write!(out.notes, "{} ", wrap(&format!("{question} [y/N]"), width).join("\n"))?;
    out.notes.flush()?;
    let mut answer = String::new();
    let mut keyboard = BufReader::new(stdin());
    tokio::select! {
        read = keyboard.read_line(&mut answer) => { read?; }
        _ = ctrl_c() => {
            writeln!(out.notes)?;
            return Err(CliError::Interrupted("interrupted; nothing was done".to_owned()));
        }
    }
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::Unconfirmed("nothing was done".to_owned())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::{exit::Exit, output::OutputArgs};

    async fn settled(count: u32, args: ActionArgs) -> Result<(), CliError> {
        let mut out = Output::standard(&OutputArgs::plain());
        out.can_ask = false;
        args.consent(count, "do it?", &mut out).await
    }

    #[test]
    fn more_than_one_needs_a_number_that_somebody_stands_for() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let yes = || ActionArgs { yes: true, ..ActionArgs::default() };
        for (count, args) in [
            (1, ActionArgs::default()),
            (7, ActionArgs { dry_run: true, ..ActionArgs::default() }),
            (3, ActionArgs { expect: Some(3), ..yes() }),
            (3, ActionArgs { at_most: Some(4), ..yes() }),
        ] {
            runtime.block_on(settled(count, args)).unwrap();
        }
        for (count, args, said) in [
            (2, ActionArgs::default(), "--yes --expect 2"),
            (2, yes(), "--expect 2"),
            (3, ActionArgs { expect: Some(2), ..yes() }, "not the 2"),
            (1, ActionArgs { expect: Some(2), ..yes() }, "1 process matches"),
            (3, ActionArgs { at_most: Some(2), ..yes() }, "more than the 2"),
            (3, ActionArgs { expect: Some(2), dry_run: true, ..ActionArgs::default() }, "not the 2"),
        ] {
            let error = runtime.block_on(settled(count, args)).unwrap_err();
            assert_eq!(error.exit(), Exit::Unconfirmed);
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.to_string().contains("nothing was done"), "{error}");
        }
    }

    #[test]
    fn nobody_stands_for_more_than_were_told() {
        let args = ActionArgs::default();
        assert_eq!(args.most(0), 1);
        assert_eq!(args.most(1), 1, "nobody is asked about one");
        assert_eq!(ActionArgs { yes: true, ..ActionArgs::default() }.most(1), 1);
        assert_eq!(args.most(2), 11, "the question says so");
        assert_eq!(args.most(u32::MAX), u32::MAX);
        assert_eq!(ActionArgs { expect: Some(4), ..ActionArgs::default() }.most(4), 4);
        assert_eq!(ActionArgs { at_most: Some(9), ..ActionArgs::default() }.most(1), 9);
    }
}
