//! `procwired`: the agent as a daemon.

use std::{
    env, fs,
    io::{self, Write as _},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
};

use clap::Parser as _;
use procwire_agent::{
    Agent, Config, ConfigError, RunError, StartError,
    config::{Flags, Settings},
    logging,
};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

/// `EX_USAGE` of sysexits.h: what the operator said cannot be used.
const EXIT_USAGE: u8 = 64;
/// What a shell says of a program that was interrupted.
const EXIT_INTERRUPTED: u8 = 130;

/// What the default limits may come to: 64 samplers of a hundred files, 256 connections, and what is read meanwhile.
const OPEN_FILES_ADVISED: u64 = 8192;

fn main() -> ExitCode {
    let flags = match Flags::try_parse() {
        Ok(flags) => flags,
        Err(error) => {
            // Help and version are errors to clap as well.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match start(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If even this cannot be written, there is nobody to tell.
            let _ = writeln!(io::stderr(), "procwired: {error}");
            error.exit_code()
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("stopped at once by a second signal")]
    Interrupted,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{operation} {path}: {source}")]
    File { operation: &'static str, path: String, source: io::Error },
    #[error("{0}")]
    Log(#[from] tracing_subscriber::util::TryInitError),
}

impl Error {
    fn exit_code(&self) -> ExitCode {
        match self {
            Error::Config(_) => ExitCode::from(EXIT_USAGE),
            Error::Start(error) if error.is_configuration() => ExitCode::from(EXIT_USAGE),
            Error::Interrupted => ExitCode::from(EXIT_INTERRUPTED),
            _ => ExitCode::FAILURE,
        }
    }
}

fn start(flags: &Flags) -> Result<(), Error> {
    let settings = flags.settings(env::vars_os())?;
    if flags.print_config {
        return Ok(io::stdout().write_all(settings.show().as_bytes())?);
    }
    let config = Config::from_settings(&settings)?;
    logging::init(&config.log)?;
    warn_of_ignored(&settings);
    if flags.check {
        return Ok(Agent::check(&config)?);
    }
    make_room_for_files();
    // One thread serves the network; reads of the host have threads of their own. Cheaper per call than a pool, and half the memory.
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(serve(config, flags.address_file.as_deref()));
    // A read of the host that hangs does not hold up the end.
    runtime.shutdown_background();
    ended
}

async fn serve(config: Config, address_file: Option<&Path>) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let agent = Agent::bind(config).await?;
    let address = agent.local_addr();
    if let Some(path) = address_file {
        write_address(path, address)?;
    }
    let mut hangup = signal(SignalKind::hangup())?;
    let reload = agent.reload();
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            reload.now();
        }
    });
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    let (first, asked_to_stop) = oneshot::channel();
    let signals = async move {
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, "asked to stop; a second signal stops at once");
        // If nobody listens any more, the agent has ended by itself.
        let _ = first.send(());
        next(&mut terminate, &mut interrupt).await;
    };
    let stop = async move { drop(asked_to_stop.await) };
    let ended = tokio::select! {
        ended = agent.run(stop) => ended,
        () = signals => return Err(Error::Interrupted),
    };
    match ended {
        Ok(()) => Ok(()),
        Err(error @ RunError::CutOff { .. }) => {
            tracing::warn!("{error}");
            Ok(())
        }
        Err(error) => Err(io::Error::other(error).into()),
    }
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Whoever waits for this file sees all of it or nothing.
fn write_address(path: &Path, address: SocketAddr) -> Result<(), Error> {
    let failed = |source| Error::File { operation: "write", path: path.display().to_string(), source };
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    fs::write(&unfinished, format!("{address}\n")).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)
}

/// Readers and samplers keep the files of the host open, and every connection is one.
fn make_room_for_files() {
    match procwire_host::raise_open_files_limit() {
        Ok(limit) => {
            tracing::debug!(?limit, "open files");
            if limit.is_some_and(|limit| limit < OPEN_FILES_ADVISED) {
                let remedy =
                    "raise the hard limit (systemd: LimitNOFILE), or lower limits.connections and limits.samplers";
                tracing::warn!(?limit, advised = OPEN_FILES_ADVISED, remedy, "few files may be open at a time");
            }
        }
        Err(error) => tracing::warn!(%error, "the limit on open files was not raised; many callers may reach it"),
    }
}

fn warn_of_ignored(settings: &Settings) {
    for name in settings.ignored_variables() {
        tracing::warn!(name, "this environment variable is no key of the configuration and was ignored");
    }
}
