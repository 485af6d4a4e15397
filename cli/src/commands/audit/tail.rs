//! `procwire audit tail`

use std::{collections::VecDeque, io, path::PathBuf, time::Duration};

use clap::Args;
use procwire_agent::audit::chain::Sealed;

use super::follow::Follower;
use crate::{
    error::CliError,
    exit::Exit,
    output::Output,
    render::audit::{Entry, broken_sentence, sentence, write_raw},
};

/// How often it is looked whether there is more.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What to show, as typed.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// The file that the agent writes to
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Also those that come, through rotations, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// So many of the last
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 10)]
    lines: usize,
}

/// Shows the last records.
pub(super) async fn run(args: &TailArgs, out: &mut Output) -> Result<Exit, CliError> {
    let unreadable = |error: io::Error| {
        CliError::Usage(format!(
            "{}: {error}",
            procwire_proto::escape::terminal(args.file.as_os_str().as_encoded_bytes())
        ))
    };
    let mut follower = Follower::open(&args.file).map_err(unreadable)?;
    let mut last = VecDeque::new();
    follower
        .each_new_line(|line| {
            last.push_back(line.to_vec());
            if last.len() > args.lines {
                last.pop_front();
            }
            Ok(())
        })
        .map_err(unreadable)?;
    last.iter().try_for_each(|line| write_line(line, out))?;
    out.answer.flush()?;
    if !args.follow {
        if let Some(rest) = follower.unended() {
            write_line(rest, out)?;
        }
        return Ok(Exit::Success);
    }
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        follower.each_new_line(|line| write_line(line, out))?;
        out.answer.flush()?;
    }
}

fn write_line(line: &[u8], out: &mut Output) -> io::Result<()> {
    if !out.is_for_people() {
        return write_raw(&mut out.answer, line, out.width.is_some());
    }
    let text = match (Entry::read(line), Sealed::read(line)) {
        (Some(entry), Ok(_)) => sentence(&entry, &out.clock),
        (Some(entry), Err(broken)) => format!("{} [this line {broken}]", sentence(&entry, &out.clock)),
        (None, _) => broken_sentence(line),
    };
    writeln!(out.answer, "{text}")
}
