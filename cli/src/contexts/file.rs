//! The file of the contexts.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Contexts, default_path};
use crate::private_file::{self, Existing};

/// The configuration file; read and written whole.
#[derive(Clone, Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
}

/// The configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// Neither `--config` nor a home directory.
    #[error("no place for the configuration file: set HOME, XDG_CONFIG_HOME or --config")]
    NoPlace,
    /// It could not be read or written.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("{}: {detail}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where and what.
        detail: String,
    },
}

impl ConfigFile {
    /// The file asked for, else the one of this user.
    pub(crate) fn find(asked: Option<PathBuf>) -> Result<Self, ConfigError> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let path = asked.or_else(|| default_path(variable("XDG_CONFIG_HOME").as_deref(), variable("HOME").as_deref()));
        path.map(|path| Self { path }).ok_or(ConfigError::NoPlace)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it; a file that is not there has no contexts.
    pub(crate) fn load(&self) -> Result<Contexts, ConfigError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contexts::default()),
            Err(source) => return Err(ConfigError::Io { operation: "read", path: self.path.clone(), source }),
        };
        let contexts: Contexts = toml::from_str(&text).map_err(|error| self.invalid(&text, &error))?;
        match contexts.current.as_deref() {
            Some(current) if !contexts.named.contains_key(current) => Err(ConfigError::Invalid {
                path: self.path.clone(),
                detail: format!("current: no context {current:?}"),
            }),
            _ => Ok(contexts),
        }
    }

    /// Writes it with mode 0600; a reader sees the old one or the new one.
    pub(crate) fn save(&self, contexts: &Contexts) -> Result<(), ConfigError> {
        let io_error = |operation, path: &Path| {
            let path = path.to_owned();
            move |source| ConfigError::Io { operation, path, source }
        };
        let text = toml::to_string_pretty(contexts)
            .map_err(|error| ConfigError::Invalid { path: self.path.clone(), detail: error.to_string() })?;
        if let Some(directory) = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            private_file::create_directory(directory).map_err(io_error("make directory", directory))?;
        }
        private_file::write(&self.path, text.as_bytes(), Existing::Replace).map_err(io_error("write", &self.path))
    }

    fn invalid(&self, text: &str, error: &toml::de::Error) -> ConfigError {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        ConfigError::Invalid { path: self.path.clone(), detail: format!("line {line}: {}", error.message()) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::contexts::Context;

    fn file_in(folder: &tempfile::TempDir) -> ConfigFile {
        ConfigFile::find(Some(folder.path().join("procwire/config.toml"))).unwrap()
    }

    #[test]
    fn what_is_saved_is_loaded_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = file_in(&folder);
        assert_eq!(file.load().unwrap(), Contexts::default());
        let mut contexts = Contexts::default();
        let web = Context {
            endpoint: "https://web:7443".to_owned(),
            ca: Some("/pki/ca.crt".into()),
            cert: Some("/pki/a \"quoted\" name.crt".into()),
            ..Context::default()
        };
        contexts.add("web.example", web, false).unwrap();
        file.save(&contexts).unwrap();
        assert_eq!(file.load().unwrap(), contexts);
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        file.save(&Contexts::default()).unwrap();
        assert_eq!(file.load().unwrap(), Contexts::default());
    }

    #[test]
    fn a_wrong_file_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = file_in(&folder);
        fs::create_dir_all(file.path().parent().unwrap()).unwrap();
        for (text, wanted) in [
            ("[context.a]\nendpoint = 1\n", "line 2"),
            ("[context.a]\nendpiont = \"x\"\n", "line 2: unknown field"),
            ("current = \"b\"\n", "current: no context \"b\""),
        ] {
            fs::write(file.path(), text).unwrap();
            let error = file.load().unwrap_err().to_string();
            assert!(error.contains("config.toml") && error.contains(wanted), "{error}");
        }
    }
}
