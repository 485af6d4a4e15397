//! Values of keys with where they come from. Later layers win: defaults, file, environment, flags.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::{self, Write as _},
    fs,
    path::{Path, PathBuf},
};

use super::{
    ConfigError,
    keys::{self, KEYS, Key},
    value::Value,
};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nowhere: built in.
    Default,
    /// In the configuration file.
    File(PathBuf),
    /// In an environment variable.
    Variable(String),
    /// On the command line, with this flag.
    Flag(&'static str),
    /// By the program that runs the agent within itself.
    Program,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => write!(f, "in {}", path.display()),
            Source::Variable(name) => write!(f, "from {name}"),
            Source::Flag(name) => write!(f, "from {name}"),
            Source::Program => f.write_str("set by the program"),
        }
    }
}

/// Every key that has a value.
#[derive(Clone, Debug)]
pub struct Settings {
    values: BTreeMap<&'static str, (Value, Source)>,
    ignored_variables: Vec<String>,
}

impl Settings {
    /// The defaults alone.
    pub fn defaults() -> Result<Settings, ConfigError> {
        let mut settings = Settings { values: BTreeMap::new(), ignored_variables: Vec::new() };
        for key in KEYS {
            if let Some(text) = key.default {
                settings.set_text(key, text, Source::Default)?;
            }
        }
        Ok(settings)
    }

    /// Lays a configuration file over what is there.
    pub fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        self.add_toml(&text, path)
    }

    fn add_toml(&mut self, text: &str, path: &Path) -> Result<(), ConfigError> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map(|span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
            let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            ConfigError::Syntax { path: path.to_owned(), detail: format!("{at}{}", one_line(error.message())) }
        })?;
        let source = Source::File(path.to_owned());
        for (name, value) in flatten(&table) {
            let key = known(&name, &source)?;
            let value = Value::from_toml(key.kind, value);
            self.set(key, value, source.clone())?;
        }
        Ok(())
    }

    /// Lays environment variables over what is there. An empty variable counts as not set.
    pub fn add_environment(
        &mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        let variables: BTreeMap<OsString, OsString> =
            variables.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        for key in KEYS {
            let name = key.variable();
            let Some(value) = variables.get(&OsString::from(&name)) else { continue };
            let source = Source::Variable(name);
            match value.to_str() {
                Some(text) => self.set_text(key, text, source)?,
                None => self.set(key, Err("not valid UTF-8".to_owned()), source)?,
            }
        }
        self.ignored_variables = variables.keys().filter_map(|name| mistyped_variable(name.to_str()?)).collect();
        Ok(())
    }

    /// Sets one key from text.
    pub fn assign(&mut self, name: &str, text: &str, source: Source) -> Result<(), ConfigError> {
        let key = known(name, &source)?;
        self.set_text(key, text, source)
    }

    /// Variables that look like ours and set nothing.
    pub fn ignored_variables(&self) -> &[String] {
        &self.ignored_variables
    }

    /// The effective configuration as a file that could be used, each value with its meaning and source.
    pub fn show(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for key in KEYS {
            let (key_section, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if key_section != section {
                // Writing to a String cannot fail.
                let _ = write!(text, "\n[{key_section}]\n");
                section = key_section;
            }
            let _ = match self.values.get(key.name) {
                Some((value, source)) => writeln!(text, "# {} ({source})\n{name} = {value}", key.meaning),
                None => writeln!(text, "# {}\n# {name} =", key.meaning),
            };
        }
        text
    }

    pub(super) fn value(&self, name: &str) -> Option<(&Value, &Source)> {
        self.values.get(name).map(|(value, source)| (value, source))
    }

    fn set_text(&mut self, key: &'static Key, text: &str, source: Source) -> Result<(), ConfigError> {
        self.set(key, Value::from_text(key.kind, text), source)
    }

    fn set(&mut self, key: &'static Key, value: Result<Value, String>, origin: Source) -> Result<(), ConfigError> {
        match value {
            Ok(value) => {
                self.values.insert(key.name, (value, origin));
                Ok(())
            }
            Err(problem) => Err(ConfigError::Value { key: key.name, problem, origin }),
        }
    }
}

fn known(name: &str, origin: &Source) -> Result<&'static Key, ConfigError> {
    keys::find(name).ok_or_else(|| ConfigError::UnknownKey {
        key: name.escape_debug().to_string(),
        origin: origin.clone(),
        suggestion: keys::suggestion(name),
    })
}

/// "limits.connections" and its value, for a table within a table; one level, since no key is deeper.
fn flatten(table: &toml::Table) -> Vec<(String, &toml::Value)> {
    let mut flat = Vec::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(section) => {
                flat.extend(section.iter().map(|(inner, value)| (format!("{name}.{inner}"), value)));
            }
            plain => flat.push((name.clone(), plain)),
        }
    }
    flat
}

/// A variable of one of our sections that is no key. Only worth a warning: Kubernetes names variables after services,
/// and a service may well be called procwire-host.
fn mistyped_variable(name: &str) -> Option<String> {
    let ours = |key: &Key| {
        let variable = key.variable();
        key.name.split_once('.').is_some_and(|(section, _)| {
            variable.get(..="PROCWIRE_".len() + section.len()).is_some_and(|prefix| name.starts_with(prefix))
        })
    };
    let known = KEYS.iter().any(|key| key.variable() == name);
    (!known && KEYS.iter().any(ours)).then(|| name.to_owned())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn file(text: &str) -> Result<Settings, ConfigError> {
        let mut settings = Settings::defaults()?;
        settings.add_toml(text, Path::new("procwired.toml"))?;
        Ok(settings)
    }

    fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn later_layers_win() {
        let mut settings = file("listen = '127.0.0.1:1'\n[limits]\nconnections = 5").unwrap();
        settings.add_environment(variables(&[("PROCWIRE_LIMITS_CONNECTIONS", "6"), ("PROCWIRE_LISTEN", "")])).unwrap();
        settings.assign("limits.connections", "7", Source::Flag("--set")).unwrap();
        assert_eq!(settings.value("limits.connections"), Some((&Value::Whole(7), &Source::Flag("--set"))));
        let listen = Value::Text("127.0.0.1:1".to_owned());
        assert_eq!(settings.value("listen"), Some((&listen, &Source::File("procwired.toml".into()))));
    }

    #[test]
    fn what_is_wrong_is_said_in_one_sentence() {
        let cases = [
            (
                "[limits]\nhandshak_timeout = '1s'",
                "limits.handshak_timeout: unknown key (in procwired.toml); did you mean limits.handshake_timeout?",
            ),
            ("[zoo]\nzebra = 1", "zoo.zebra: unknown key (in procwired.toml)"),
            ("limits = 3", "limits: unknown key (in procwired.toml)"),
            (
                "[limits]\nconnections = '9'",
                "limits.connections: string where a whole number is wanted (in procwired.toml)",
            ),
            (
                "[control.protected_pids]\nx = 1",
                "control.protected_pids: table where a list of whole numbers is wanted (in procwired.toml)",
            ),
        ];
        for (text, sentence) in cases {
            assert_eq!(file(text).unwrap_err().to_string(), sentence);
        }
        let syntax = file("listen = '127.0.0.1:1'\n[limits\n").unwrap_err().to_string();
        assert!(syntax.starts_with("configuration file procwired.toml: line 2: "), "{syntax}");
        assert!(!syntax.contains('\n'), "{syntax}");
    }

    #[test]
    fn a_mistyped_variable_is_noted() {
        let mut settings = Settings::defaults().unwrap();
        let names = [("PROCWIRE_LIMITS_CONECTIONS", "1"), ("PROCWIRE_ENDPOINT", "x"), ("PROCWIRE_TLS_KEY", "k")];
        settings.add_environment(variables(&names)).unwrap();
        assert_eq!(settings.ignored_variables(), ["PROCWIRE_LIMITS_CONECTIONS"]);
    }

    #[test]
    fn what_is_shown_is_a_file_with_the_same_effect() {
        let mut settings = file("[control]\nprotected_names = ['sshd', 'a\"b']").unwrap();
        settings.assign("audit.file", "/var/log/audit.jsonl", Source::Program).unwrap();
        let shown = settings.show();
        let again = file(&shown).unwrap();
        for key in KEYS {
            assert_eq!(again.value(key.name).map(|it| it.0), settings.value(key.name).map(|it| it.0), "{}", key.name);
        }
        assert!(shown.contains("# time cap of a quick host read (default)\nhost_quick_timeout = \"2s\""), "{shown}");
    }
}
