//! From settings to a valid [`Config`]: ranges, and what goes together.

use std::{fmt::Display, net::SocketAddr, ops::RangeInclusive, path::PathBuf, sync::Arc, time::Duration};

use procwire_host::Roots;

use super::{
    AuditConfig, Config, ConfigError, ControlConfig, LogConfig, LogFormat, ServiceLimits, ServicesConfig, Settings,
    Source, TlsFiles, TransportLimits, parse, value::Value,
};
use crate::spiffe::is_trust_domain;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// Smaller files would be rotated with every record or two.
const AUDIT_ROTATE_SIZE_MIN_BYTES: u64 = 64 << 10;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// `pid_max` can be at most this: proc_sys_kernel(5), PID_MAX_LIMIT.
const PID_MAX: i64 = 4_194_304;
/// TASK_COMM_LEN without its end.
const COMM_MAX_BYTES: usize = 15;

impl Config {
    /// Checks every value.
    pub fn from_settings(settings: &Settings) -> Result<Config, ConfigError> {
        let from = Reader { settings };
        Ok(Config {
            listen: from.parsed("listen", |text| {
                text.parse::<SocketAddr>()
                    .map_err(|_| format!("{text:?} is not ADDRESS:PORT, such as 127.0.0.1:7443 or [::]:7443"))
            })?,
            tls: from.tls()?,
            limits: from.transport_limits()?,
            services: Arc::new(from.services()?),
            roots: from.roots()?,
            log: LogConfig {
                format: from.parsed("log.format", |text| match text {
                    "text" => Ok(LogFormat::Text),
                    "json" => Ok(LogFormat::Json),
                    _ => Err(format!("{text:?} is neither text nor json")),
                })?,
                level: from.parsed("log.level", |text| match text {
                    "error" | "warn" | "info" | "debug" | "trace" => text.parse().map_err(|_| "not a level".to_owned()),
                    _ => Err(format!("{text:?} is none of error, warn, info, debug and trace")),
                })?,
            },
            audit: from.audit()?,
            policy_file: from.path("policy.file")?,
        })
    }

    /// A configuration made by a program: the defaults and these.
    ///
    /// ```
    /// let config = procwire_agent::config::Config::from_pairs(&[
    ///     ("listen", "127.0.0.1:0"),
    ///     ("tls.certificate", "agent.pem"),
    ///     ("tls.key", "agent.key"),
    ///     ("tls.client_ca", "ca.pem"),
    /// ])?;
    /// assert_eq!(config.limits.connections, 256);
    /// # Ok::<(), procwire_agent::config::ConfigError>(())
    /// ```
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut settings = Settings::defaults()?;
        for (key, value) in pairs {
            settings.assign(key, value, Source::Program)?;
        }
        Config::from_settings(&settings)
    }
}

impl ServicesConfig {
    /// The defaults, for an agent that has no configuration of its own.
    pub fn defaults() -> Result<ServicesConfig, ConfigError> {
        Reader { settings: &Settings::defaults()? }.services()
    }
}

impl TransportLimits {
    /// The defaults, for an agent that has no configuration of its own.
    pub fn defaults() -> Result<TransportLimits, ConfigError> {
        Reader { settings: &Settings::defaults()? }.transport_limits()
    }
}

/// Takes values out of settings, checked; what is wrong is said with the key and where it was written.
struct Reader<'a> {
    settings: &'a Settings,
}

impl Reader<'_> {
    fn tls(&self) -> Result<TlsFiles, ConfigError> {
        let domains = self.texts("tls.spiffe_trust_domains");
        if let Some(odd) = domains.iter().find(|domain| !is_trust_domain(domain)) {
            let problem = format!(
                "{odd:?} is not a trust domain: small letters, digits, dots, dashes and underscores, as in example.org"
            );
            return Err(self.wrong("tls.spiffe_trust_domains", problem));
        }
        let lists = self.texts("tls.client_crl");
        if lists.iter().any(|path| path.is_empty() || path.contains('\0')) {
            return Err(self.wrong("tls.client_crl", "not a path"));
        }
        Ok(TlsFiles {
            certificate: self.required_path("tls.certificate")?,
            key: self.required_path("tls.key")?,
            client_ca: self.required_path("tls.client_ca")?,
            client_crl: lists.iter().map(PathBuf::from).collect(),
            deny_list: self.path("tls.deny_list")?,
            spiffe_trust_domains: domains.iter().cloned().collect(),
        })
    }

    fn transport_limits(&self) -> Result<TransportLimits, ConfigError> {
        Ok(TransportLimits {
            connections: self.whole("limits.connections", 1, 65_536)?,
            connections_per_principal: self.whole("limits.connections_per_principal", 1, 65_536)?,
            handshakes: self.whole("limits.handshakes", 1, 4096)?,
            handshakes_per_address: self.whole("limits.handshakes_per_address", 1, 4096)?,
            handshake_timeout: self.duration("limits.handshake_timeout", Duration::from_millis(100), 60 * SECOND)?,
            request_bytes: self.size("limits.request_size", 1 << 10, 64 << 20)?,
            request_timeout: self.duration("limits.request_timeout", Duration::from_millis(100), HOUR)?,
            concurrent_streams: self.whole("limits.concurrent_streams", 1, 65_536)?,
            header_list_bytes: self.size("limits.header_list_size", 1 << 10, 1 << 20)?,
            pending_resets: self.whole("limits.pending_resets", 1, 65_536)?,
            keepalive_interval: self.duration("limits.keepalive_interval", SECOND, HOUR)?,
            keepalive_timeout: self.duration("limits.keepalive_timeout", SECOND, HOUR)?,
            connection_age: self.duration("limits.connection_age", SECOND, 30 * DAY)?,
            connection_age_grace: self.duration("limits.connection_age_grace", Duration::ZERO, DAY)?,
            shutdown_grace: self.duration("limits.shutdown_grace", Duration::ZERO, HOUR)?,
        })
    }

    fn audit(&self) -> Result<AuditConfig, ConfigError> {
        let rotate_size_bytes: u64 = self.size("audit.rotate_size", 0, 1 << 40)?;
        if (1..AUDIT_ROTATE_SIZE_MIN_BYTES).contains(&rotate_size_bytes) {
            let problem = format!("shorter than {AUDIT_ROTATE_SIZE_MIN_BYTES} bytes; 0 means never");
            return Err(self.wrong("audit.rotate_size", problem));
        }
        Ok(AuditConfig {
            file: self.path("audit.file")?,
            rotate_size_bytes: (rotate_size_bytes > 0).then_some(rotate_size_bytes),
            keep: self.whole("audit.keep", 1, 1000)?,
        })
    }

    fn services(&self) -> Result<ServicesConfig, ConfigError> {
        let limits = ServiceLimits {
            stream_interval_min: self.duration("limits.stream_interval_min", Duration::from_millis(10), HOUR)?,
            stream_interval_max: self.duration("limits.stream_interval_max", SECOND, DAY)?,
            heartbeat_interval: self.duration("limits.heartbeat_interval", SECOND, HOUR)?,
            streams: self.whole("limits.streams", 1, 1 << 20)?,
            streams_per_principal: self.whole("limits.streams_per_principal", 1, 1 << 20)?,
            samplers: self.whole("limits.samplers", 1, 65_536)?,
            samplers_per_principal: self.whole("limits.samplers_per_principal", 1, 65_536)?,
            lists: self.whole("limits.lists", 1, 65_536)?,
            lists_per_principal: self.whole("limits.lists_per_principal", 1, 65_536)?,
            windowed_snapshots: self.whole("limits.windowed_snapshots", 1, 65_536)?,
            windowed_snapshots_per_principal: self.whole("limits.windowed_snapshots_per_principal", 1, 65_536)?,
            stream_lag: self.duration("limits.stream_lag", SECOND, HOUR)?,
            host_quick_threads: self.whole("limits.host_quick_threads", 1, 64)?,
            host_slow_threads: self.whole("limits.host_slow_threads", 1, 64)?,
            host_heavy_threads: self.whole("limits.host_heavy_threads", 1, 64)?,
            host_queue: self.whole("limits.host_queue", 1, 1 << 20)?,
            host_quick_timeout: self.duration("limits.host_quick_timeout", Duration::from_millis(10), HOUR)?,
            host_slow_timeout: self.duration("limits.host_slow_timeout", Duration::from_millis(10), HOUR)?,
            host_heavy_timeout: self.duration("limits.host_heavy_timeout", Duration::from_millis(10), HOUR)?,
            wait_timeout_max: self.duration("limits.wait_timeout_max", SECOND, 30 * DAY)?,
            terminations: self.whole("limits.terminations", 1, 1 << 20)?,
            terminations_per_principal: self.whole("limits.terminations_per_principal", 1, 1 << 20)?,
            waits: self.whole("limits.waits", 1, 1 << 20)?,
            waits_per_principal: self.whole("limits.waits_per_principal", 1, 1 << 20)?,
        };
        if limits.stream_interval_min > limits.stream_interval_max {
            let longest = parse::show_duration(limits.stream_interval_max);
            return Err(
                self.wrong("limits.stream_interval_min", format!("longer than limits.stream_interval_max = {longest}"))
            );
        }
        Ok(ServicesConfig { limits, control: self.control()? })
    }

    fn control(&self) -> Result<ControlConfig, ConfigError> {
        let mut control = ControlConfig {
            actions_per_minute_per_principal: self.whole("control.actions_per_minute_per_principal", 0, 1 << 20)?,
            ..ControlConfig::default()
        };
        if let Some((Value::Integers(pids), _)) = self.settings.value("control.protected_pids") {
            for pid in pids {
                let valid = u32::try_from(*pid).ok().filter(|_| (1..=PID_MAX).contains(pid));
                let pid = valid.ok_or_else(|| {
                    self.wrong("control.protected_pids", format!("{pid} is not a pid: 1 to {PID_MAX}"))
                })?;
                control.protected_pids.insert(pid);
            }
        }
        if let Some((Value::Texts(names), _)) = self.settings.value("control.protected_names") {
            for name in names {
                if name.is_empty() || name.len() > COMM_MAX_BYTES {
                    let problem =
                        format!("{name:?} is not a process name: the kernel keeps 1 to {COMM_MAX_BYTES} bytes of it");
                    return Err(self.wrong("control.protected_names", problem));
                }
                control.protected_names.insert(name.clone().into_bytes());
            }
        }
        for unit in self.texts("control.protected_units") {
            let stem = unit.strip_suffix('*').unwrap_or(unit);
            // A lone star would protect everything that is in a unit, which is better said by giving nobody the role.
            if stem.is_empty() || stem.contains(['*', '/', '\0']) {
                let problem =
                    format!("{unit:?} is no unit, such as ssh.service, nor the beginning of one, such as postgresql@*");
                return Err(self.wrong("control.protected_units", problem));
            }
            control.protected_units.insert(unit.clone().into_bytes());
        }
        for group in self.texts("control.protected_cgroups") {
            let bare = group.strip_suffix('/').unwrap_or(group);
            if !bare.starts_with('/') || bare.contains(['*', '\0']) || bare.contains("//") {
                let problem = format!("{group:?} is not the path of a control group, such as /system.slice");
                return Err(self.wrong("control.protected_cgroups", problem));
            }
            control.protected_cgroups.insert(bare.as_bytes().to_vec());
        }
        Ok(control)
    }

    fn roots(&self) -> Result<Roots, ConfigError> {
        Ok(Roots {
            proc: self.directory("host.proc")?,
            sys: self.directory("host.sys")?,
            etc: self.directory("host.etc")?,
            run: self.directory("host.run")?,
            dev: self.directory("host.dev")?,
        })
    }

    fn directory(&self, key: &'static str) -> Result<PathBuf, ConfigError> {
        let path = self.required_path(key)?;
        if path.is_absolute() { Ok(path) } else { Err(self.wrong(key, "not an absolute path")) }
    }

    fn required_path(&self, key: &'static str) -> Result<PathBuf, ConfigError> {
        self.path(key)?.ok_or_else(|| {
            let variable = super::keys::find(key).map(super::Key::variable).unwrap_or_default();
            let flag = key.replace(['.', '_'], "-");
            ConfigError::Missing {
                key,
                remedy: format!("give it in the configuration file, as --{flag} or as {variable}"),
            }
        })
    }

    fn path(&self, key: &'static str) -> Result<Option<PathBuf>, ConfigError> {
        match self.settings.value(key) {
            None => Ok(None),
            Some((Value::Text(text), _)) if !text.is_empty() && !text.contains('\0') => Ok(Some(PathBuf::from(text))),
            Some(_) => Err(self.wrong(key, "not a path")),
        }
    }

    fn texts(&self, key: &'static str) -> &[String] {
        match self.settings.value(key) {
            Some((Value::Texts(texts), _)) => texts,
            _ => &[],
        }
    }

    fn duration(&self, key: &'static str, least: Duration, most: Duration) -> Result<Duration, ConfigError> {
        let value = self.parsed(key, parse::duration)?;
        self.within(key, value, least..=most, |duration| parse::show_duration(*duration))
    }

    fn size<T: TryFrom<u64>>(&self, key: &'static str, least: u64, most: u64) -> Result<T, ConfigError> {
        let value = self.parsed(key, parse::size_bytes)?;
        let value = self.within(key, value, least..=most, |bytes| format!("{bytes} bytes"))?;
        T::try_from(value).map_err(|_| self.wrong(key, "too large"))
    }

    fn whole<T: TryFrom<i64>>(&self, key: &'static str, least: i64, most: i64) -> Result<T, ConfigError> {
        let Some((Value::Whole(number), _)) = self.settings.value(key) else {
            return Err(self.wrong(key, "not a whole number"));
        };
        let number = self.within(key, *number, least..=most, ToString::to_string)?;
        T::try_from(number).map_err(|_| self.wrong(key, "too large"))
    }

    fn within<T: PartialOrd>(
        &self,
        key: &'static str,
        value: T,
        allowed: RangeInclusive<T>,
        show: impl Fn(&T) -> String,
    ) -> Result<T, ConfigError> {
        if allowed.contains(&value) {
            return Ok(value);
        }
        let (least, most) = (show(allowed.start()), show(allowed.end()));
        Err(self.wrong(key, format!("{} is not within {least} to {most}", show(&value))))
    }

    fn parsed<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, ConfigError> {
        let Some((Value::Text(text), _)) = self.settings.value(key) else {
            return Err(self.wrong(key, "not a string"));
        };
        parse(text).map_err(|problem| self.wrong(key, problem))
    }

    fn wrong(&self, key: &'static str, problem: impl Display) -> ConfigError {
        let origin = self.settings.value(key).map_or(Source::Default, |(_, source)| source.clone());
        ConfigError::Value { key, problem: problem.to_string(), origin }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let tls = [("tls.certificate", "a.pem"), ("tls.key", "a.key"), ("tls.client_ca", "ca.pem")];
        Config::from_pairs(&[&tls, pairs].concat())
    }

    #[test]
    fn the_defaults_are_valid_and_are_those_of_the_documentation() {
        let config = with(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:7443");
        let limits = &config.limits;
        assert_eq!((limits.connections, limits.connections_per_principal), (256, 16));
        assert_eq!((limits.handshake_timeout, limits.request_bytes), (5 * SECOND, 1 << 20));
        assert_eq!((limits.concurrent_streams, limits.header_list_bytes, limits.pending_resets), (64, 16 << 10, 20));
        assert_eq!((limits.keepalive_interval, limits.keepalive_timeout), (30 * SECOND, 10 * SECOND));
        assert_eq!(limits.connection_age, HOUR / 2);
        assert_eq!(config.services.limits.stream_interval_min, SECOND / 10);
        assert!(config.services.control.protected_pids.is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_in_one_sentence() {
        let cases = [
            ("listen", "localhost:7443", "\"localhost:7443\" is not ADDRESS:PORT, such as 127.0.0.1:7443 or [::]:7443"),
            ("limits.connections", "0", "0 is not within 1 to 65536"),
            ("limits.handshake_timeout", "5", "\"5\" is not a duration; write it as 250ms, 5s, 30m or 1h"),
            ("limits.handshake_timeout", "2m", "2m is not within 100ms to 1m"),
            ("limits.request_size", "1", "1 bytes is not within 1024 bytes to 67108864 bytes"),
            ("host.proc", "proc", "not an absolute path"),
            ("control.protected_pids", "1,0", "0 is not a pid: 1 to 4194304"),
            ("control.protected_names", "a-very-long-name-indeed", ""),
            ("control.protected_units", "*", "\"*\" is no unit, such as ssh.service"),
            ("control.protected_units", "a*b.service", "\"a*b.service\" is no unit"),
            ("control.protected_cgroups", "system.slice", "\"system.slice\" is not the path of a control group"),
            ("control.protected_cgroups", "/", "\"/\" is not the path of a control group"),
            ("policy.file", "", "not a path"),
            ("log.format", "xml", "\"xml\" is neither text nor json"),
            ("log.level", "loud", "\"loud\" is none of error, warn, info, debug and trace"),
            ("audit.file", "", "not a path"),
            ("tls.deny_list", "", "not a path"),
            ("tls.spiffe_trust_domains", "Example.org", "\"Example.org\" is not a trust domain: small letters"),
            ("tls.spiffe_trust_domains", "spiffe://example.org", "\"spiffe://example.org\" is not a trust domain"),
        ];
        for (key, value, problem) in cases {
            let sentence = with(&[(key, value)]).unwrap_err().to_string();
            assert!(sentence.starts_with(&format!("{key}: {problem}")), "{sentence}");
            assert!(sentence.ends_with("(set by the program)"), "{sentence}");
        }
    }

    #[test]
    fn intervals_go_together() {
        let pairs = [("limits.stream_interval_min", "1m"), ("limits.stream_interval_max", "30s")];
        let sentence = with(&pairs).unwrap_err().to_string();
        assert_eq!(
            sentence,
            "limits.stream_interval_min: longer than limits.stream_interval_max = 30s (set by the program)"
        );
    }

    #[test]
    fn an_agent_without_an_identity_does_not_start() {
        let sentence = Config::from_pairs(&[]).unwrap_err().to_string();
        assert_eq!(
            sentence,
            "tls.certificate: not set; give it in the configuration file, as --tls-certificate or as PROCWIRE_TLS_CERTIFICATE"
        );
    }

    #[test]
    fn protected_sets() {
        let config =
            with(&[("control.protected_pids", "7,9"), ("control.protected_names", "sshd, dbus-daemon")]).unwrap();
        assert_eq!(config.services.control.protected_pids.iter().copied().collect::<Vec<_>>(), [7, 9]);
        assert!(config.services.control.protected_names.contains(b"dbus-daemon".as_slice()));
        let pairs = [("control.protected_units", "ssh.service, db@*"), ("control.protected_cgroups", "/system.slice/")];
        let control = &with(&pairs).unwrap().services.control;
        assert!(control.protected_units.contains(b"db@*".as_slice()));
        assert!(control.protected_cgroups.contains(b"/system.slice".as_slice()));
    }
}
