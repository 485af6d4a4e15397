//! A process that is there to be ended: it tidies up when it is asked to go.

use std::{process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, stdin},
    process::{Child, ChildStdin, Command},
    signal::unix::{SignalKind, signal},
};

use crate::{error::CliError, exit::Exit};

/// What it exits with, so that it can be told from any other end.
pub(super) const EXIT_CODE: i32 = 7;

const READY: &str = "ready";
const TIDYING: Duration = Duration::from_millis(400);

/// The child's own main: waits for SIGTERM, or for the end of the process that started it.
#[allow(clippy::disallowed_methods, reason = "its exit code is no answer of the tool, and it has nothing to put away")]
pub(crate) async fn run() -> Result<Exit, CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    // The keyboard's interrupt is for the one who tells the story.
    let _interrupt = signal(SignalKind::interrupt())?;
    let (mut parent, mut nothing) = (stdin(), [0]);
    {
        use std::io::Write as _;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{READY}")?;
        stdout.flush()?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = parent.read(&mut nothing) => return Ok(Exit::Failed),
    }
    tokio::time::sleep(TIDYING).await;
    std::process::exit(EXIT_CODE)
}

/// A child and the pipe whose end it lives to see: dropped, it takes the child with it.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) lifeline: Option<ChildStdin>,
}

/// Starts it; it is ready for its signal when this returns.
pub(super) async fn start() -> Result<Running, CliError> {
    let failed = |error: std::io::Error| CliError::Demo(format!("start a child: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(program)
        .arg("demo-child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.as_mut() {
        BufReader::new(stdout).read_line(&mut line).await.map_err(failed)?;
    }
    if line.trim_end() != READY {
        return Err(CliError::Demo("the child did not start".to_owned()));
    }
    // Waiting for a child closes its standard input, so that is kept apart.
    let lifeline = child.stdin.take();
    Ok(Running { child, lifeline })
}
