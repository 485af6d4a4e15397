//! The command line of `procwired`.

use std::{ffi::OsString, path::PathBuf};

use super::{ConfigError, Settings, Source};

const DEFAULT_FILE: &str = "/etc/procwire/procwired.toml";

/// Serves this host's processes and metrics over gRPC with mutual TLS.
///
/// Every key of the configuration can also be set as an environment variable: limits.connections as `PROCWIRE_LIMITS_CONNECTIONS`.
/// Flags go before variables, variables before the file. --print-config shows all keys, their values and where they come from.
#[derive(Clone, Debug, Default, clap::Parser)]
#[command(name = "procwired", version)]
pub struct Flags {
    /// Configuration file [default: /etc/procwire/procwired.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "PROCWIRE_CONFIG")]
    pub config: Option<PathBuf>,

    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:7443]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,

    /// The agent's certificate chain, PEM
    #[arg(long, value_name = "FILE")]
    pub tls_certificate: Option<String>,

    /// Its private key, PEM, readable by the agent's user only
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<String>,

    /// Authorities whose client certificates are accepted, PEM
    #[arg(long, value_name = "FILE")]
    pub tls_client_ca: Option<String>,

    /// Where the host's /proc is mounted
    #[arg(long, value_name = "DIR")]
    pub proc_root: Option<String>,

    /// Where the host's /sys is mounted
    #[arg(long, value_name = "DIR")]
    pub sys_root: Option<String>,

    /// Where the host's /etc is mounted
    #[arg(long, value_name = "DIR")]
    pub etc_root: Option<String>,

    /// Where the host's /run is mounted
    #[arg(long, value_name = "DIR")]
    pub run_root: Option<String>,

    /// Where the host's /dev is mounted
    #[arg(long, value_name = "DIR")]
    pub dev_root: Option<String>,

    /// File for the audit trail, JSON lines in a chain [default: into the log, without a chain]
    #[arg(long, value_name = "FILE")]
    pub audit_file: Option<String>,

    /// text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// Any other key of the configuration, as in --set limits.connections=64; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Writes the address that was bound to this file
    #[arg(long, value_name = "FILE")]
    pub address_file: Option<PathBuf>,

    /// Checks configuration and certificates, then ends
    #[arg(long)]
    pub check: bool,

    /// Shows the effective configuration, then ends
    #[arg(long)]
    pub print_config: bool,
}

impl Flags {
    /// Defaults, file, variables and flags, in this order.
    pub fn settings(&self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Settings, ConfigError> {
        let mut settings = Settings::defaults()?;
        match &self.config {
            Some(path) => settings.read_file(path)?,
            None => match settings.read_file(DEFAULT_FILE.as_ref()) {
                Err(ConfigError::Unreadable { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                other => other?,
            },
        }
        settings.add_environment(variables)?;
        for assignment in &self.set {
            let (key, value) =
                assignment.split_once('=').ok_or_else(|| ConfigError::NoAssignment(assignment.clone()))?;
            settings.assign(key.trim(), value.trim(), Source::Flag("--set"))?;
        }
        for (flag, key, value) in self.named() {
            if let Some(value) = value {
                settings.assign(key, value, Source::Flag(flag))?;
            }
        }
        Ok(settings)
    }

    fn named(&self) -> [(&'static str, &'static str, Option<&str>); 12] {
        [
            ("--listen", "listen", self.listen.as_deref()),
            ("--tls-certificate", "tls.certificate", self.tls_certificate.as_deref()),
            ("--tls-key", "tls.key", self.tls_key.as_deref()),
            ("--tls-client-ca", "tls.client_ca", self.tls_client_ca.as_deref()),
            ("--proc-root", "host.proc", self.proc_root.as_deref()),
            ("--sys-root", "host.sys", self.sys_root.as_deref()),
            ("--etc-root", "host.etc", self.etc_root.as_deref()),
            ("--run-root", "host.run", self.run_root.as_deref()),
            ("--dev-root", "host.dev", self.dev_root.as_deref()),
            ("--audit-file", "audit.file", self.audit_file.as_deref()),
            ("--log-format", "log.format", self.log_format.as_deref()),
            ("--log-level", "log.level", self.log_level.as_deref()),
        ]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    /// With an empty file, so that one installed on this machine does not matter.
    fn parse(arguments: &[&str]) -> Flags {
        Flags::try_parse_from([&["procwired", "--config", "/dev/null"], arguments].concat()).unwrap()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Flags::command().debug_assert();
    }

    #[test]
    fn every_named_flag_sets_its_key() {
        for (flag, key, _) in Flags::default().named() {
            let flags = parse(&[flag, "x"]);
            let settings = flags.settings([]).unwrap();
            let (_, source) = settings.value(key).unwrap();
            assert_eq!(*source, Source::Flag(flag), "{key}");
        }
    }

    #[test]
    fn a_flag_wins_over_set_and_variable() {
        let variable = ("PROCWIRE_LISTEN".into(), "127.0.0.1:2".into());
        let flags = parse(&["--listen", "127.0.0.1:4", "--set", "listen=127.0.0.1:3"]);
        let settings = flags.settings([variable]).unwrap();
        assert!(settings.show().contains("listen = \"127.0.0.1:4\""));
    }

    #[test]
    fn a_named_file_must_be_there() {
        let flags = Flags::try_parse_from(["procwired", "--config", "/nonexistent/procwired.toml"]).unwrap();
        let sentence = flags.settings([]).unwrap_err().to_string();
        assert!(sentence.starts_with("configuration file /nonexistent/procwired.toml: "), "{sentence}");
    }

    #[test]
    fn set_wants_an_assignment() {
        let sentence = parse(&["--set", "limits.connections"]).settings([]).unwrap_err().to_string();
        assert_eq!(sentence, "--set limits.connections: not of the form key=value");
    }
}
