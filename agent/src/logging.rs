//! The agent's log, on standard error: text for people or JSON for machines.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::{SubscriberInitExt as _, TryInitError},
};

use crate::{
    audit::AUDIT_LOG_TARGET,
    config::{LogConfig, LogFormat},
};

/// Sets the log up, once per process.
///
/// # Errors
/// There is one already.
pub fn init(config: &LogConfig) -> Result<(), TryInitError> {
    let layer = fmt::layer().with_writer(io::stderr);
    let layer = match config.format {
        LogFormat::Text => layer.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter(config.level))).try_init()
}

/// The libraries below only speak up when something is wrong; audit records are never filtered out.
fn filter(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("procwire", level)
        .with_target(AUDIT_LOG_TARGET, level.max(LevelFilter::INFO))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn audit_records_pass_at_every_level() {
        for level in [LevelFilter::OFF, LevelFilter::ERROR, LevelFilter::TRACE] {
            assert!(filter(level).would_enable(AUDIT_LOG_TARGET, &Level::INFO), "{level}");
        }
    }

    #[test]
    fn libraries_are_quiet_and_we_are_as_told() {
        let filter = filter(LevelFilter::DEBUG);
        assert!(filter.would_enable("procwire_agent::server", &Level::DEBUG));
        assert!(filter.would_enable("procwired", &Level::DEBUG));
        assert!(!filter.would_enable("h2::codec", &Level::INFO));
        assert!(filter.would_enable("h2::codec", &Level::WARN));
    }
}
