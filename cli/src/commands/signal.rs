//! `procwire kill`, `pkill`, `killall`, `suspend`, `resume`: one signal to each of some processes.

mod send;

use std::ffi::OsString;

use clap::Args;
use procwire_client::Signal;

use self::send::{Sending, send};
use super::{
    choice::ChoiceArgs,
    consent::{self, ActionArgs},
    terminate::ScopeArgs,
};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    signals::{all_signals, parse_signal, signal_name},
};

/// Whom to signal, as typed.
#[derive(Debug, Args)]
#[command(after_help = consent::HELP)]
pub(crate) struct KillArgs {
    /// Signal to send; also as -9 or -KILL, and -0 only checks
    #[arg(short, long, value_name = "SIGNAL", default_value = "TERM", value_parser = parse_signal)]
    signal: i32,
    /// List the signals, or tell the name of a number or the number of a name
    #[arg(short, long, value_name = "SIGNAL", num_args = 0..=1)]
    list: Option<Option<String>>,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    action: ActionArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
}

/// Whom to signal by an expression, as typed.
#[derive(Debug, Args)]
#[command(after_help = consent::HELP)]
pub(crate) struct PkillArgs {
    /// Regular expression that the name contains
    #[arg(value_name = "REGEX", conflicts_with_all = ["match", "name"])]
    regex: Option<String>,
    /// REGEX is looked for in all arguments, joined by spaces
    #[arg(short, long, requires = "regex")]
    full: bool,
    /// REGEX must match all of it
    #[arg(short = 'x', long, requires = "regex")]
    exact: bool,
    /// Only the one that started last
    #[arg(short, long)]
    newest: bool,
    /// Only the one that started first
    #[arg(long, conflicts_with = "newest")]
    oldest: bool,
    /// Taken out of habit: what is signalled is always told
    #[arg(short, long, hide = true)]
    echo: bool,
    /// Signal to send; also as -9 or -KILL, and -0 only checks
    #[arg(short, long, value_name = "SIGNAL", default_value = "TERM", value_parser = parse_signal)]
    signal: i32,
    #[command(flatten)]
    action: ActionArgs,
    #[command(flatten)]
    selectors: crate::selectors::SelectorArgs,
}

/// Whom to signal by name, as typed.
#[derive(Debug, Args)]
#[command(after_help = consent::HELP)]
pub(crate) struct KillallArgs {
    /// Exact names
    #[arg(value_name = "NAME", required = true)]
    names: Vec<OsString>,
    /// Signal to send; also as -9 or -KILL, and -0 only checks
    #[arg(short, long, value_name = "SIGNAL", default_value = "TERM", value_parser = parse_signal)]
    signal: i32,
    /// Say nothing if there is none of a name
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    action: ActionArgs,
    #[command(flatten)]
    selectors: crate::selectors::SelectorArgs,
}

/// Whom to stop or to let go on, as typed.
#[derive(Debug, Args)]
#[command(after_help = consent::HELP)]
pub(crate) struct SuspendArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    action: ActionArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
}

/// Sends a signal.
pub(crate) async fn kill(
    args: &KillArgs,
    connect: impl FnOnce() -> Result<Connection, CliError>,
    out: &mut Output,
) -> Result<Exit, CliError> {
    if let Some(which) = &args.list {
        return list(which.as_deref(), out);
    }
    let connection = connect()?;
    let chosen = args.choice.choose(&[], &connection, out).await?;
    send(&Sending { signal: args.signal, scope: args.scope, action: &args.action }, chosen, &connection, out).await
}

/// Sends a signal to those that an expression matches.
pub(crate) async fn pkill(args: &PkillArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut chosen = args.choice()?.choose(&["start_time"], connection, out).await?;
    let by_start = |process: &procwire_client::v1::Process| {
        let start = process.reference().map(|reference| reference.start_ticks).unwrap_or_default();
        (start, process.pid)
    };
    // Of those that this command and its parents are not.
    let only = match (args.newest, args.oldest) {
        (true, _) => chosen.processes.iter().max_by_key(|process| by_start(process)).cloned(),
        (_, true) => chosen.processes.iter().min_by_key(|process| by_start(process)).cloned(),
        _ => None,
    };
    if let Some(only) = only {
        chosen.processes = vec![only];
    }
    let scope = ScopeArgs::default();
    send(&Sending { signal: args.signal, scope, action: &args.action }, chosen, connection, out).await
}

/// Sends a signal to all of a name.
pub(crate) async fn killall(args: &KillallArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut choice = ChoiceArgs { targets: Vec::new(), selectors: args.selectors.clone() };
    choice.selectors.add_names(&args.names);
    let chosen = choice.choose(&[], connection, out).await?;
    if chosen.processes.is_empty() && args.quiet {
        return Ok(Exit::Failed);
    }
    let scope = ScopeArgs::default();
    send(&Sending { signal: args.signal, scope, action: &args.action }, chosen, connection, out).await
}

/// Stops processes, or lets them go on.
pub(crate) async fn suspend(
    args: &SuspendArgs,
    signal: Signal,
    connection: &Connection,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let chosen = args.choice.choose(&[], connection, out).await?;
    let sending = Sending { signal: signal.into(), scope: args.scope, action: &args.action };
    send(&sending, chosen, connection, out).await
}

impl PkillArgs {
    /// What was typed with the expression among it.
    fn choice(&self) -> Result<ChoiceArgs, CliError> {
        let mut selectors = self.selectors.clone();
        if let Some(regex) = &self.regex {
            let regex = if self.exact { format!("^(?:{regex})$") } else { regex.clone() };
            if self.full { &mut selectors.command } else { &mut selectors.matches }.push(regex);
        }
        if !selectors.names_or_narrows() {
            let problem = "pkill needs something to look for: a REGEX, or a selection such as --user";
            return Err(CliError::Usage(problem.to_owned()));
        }
        Ok(ChoiceArgs { targets: Vec::new(), selectors })
    }
}

/// As `kill -l`.
fn list(which: Option<&str>, out: &mut Output) -> Result<Exit, CliError> {
    if let Some(text) = which {
        let number = parse_signal(text).map_err(CliError::Usage)?;
        let is_number = text.parse::<i32>().is_ok();
        writeln!(out.answer, "{}", if is_number { signal_name(number) } else { number.to_string() })?;
        return Ok(Exit::Success);
    }
    if !out.is_for_people() {
        let rows = all_signals().map(|number| serde_json::json!({ "signal": number, "name": signal_name(number) }));
        super::rows::write_rows(out, rows)?;
        return Ok(Exit::Success);
    }
    let cells: Vec<String> = all_signals().map(|number| format!("{number:>2} {:<9}", signal_name(number))).collect();
    let across = usize::from(out.width.unwrap_or(80) / 14).max(1);
    for line in cells.chunks(across) {
        writeln!(out.answer, "{}", line.join("  ").trim_end())?;
    }
    Ok(Exit::Success)
}
