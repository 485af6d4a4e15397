//! Named agents, kept in `config.toml`: an address and the files that prove who the caller is.

mod agent_id;
mod file;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub(crate) use agent_id::AgentId;
pub(crate) use file::{ConfigError, ConfigFile};

/// The name that means: no agent over the network, the one inside this process.
pub(crate) const LOCAL: &str = "local";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The one in use; absent means [`LOCAL`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// All of them by name.
    #[serde(default, rename = "context")]
    pub(crate) named: BTreeMap<String, Context>,
}

/// One agent and the identity to meet it with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// `https://host:7443`.
    pub(crate) endpoint: String,
    /// The authority that the agent's certificate must come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// The caller's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cert: Option<PathBuf>,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    /// The name the agent's certificate must have, where it is not the endpoint's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_name: Option<String>,
    /// The SPIFFE id that the agent's certificate must have, in place of a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent_id: Option<AgentId>,
    /// The revocation list that the agent's certificate is held against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crl: Option<PathBuf>,
}

/// What cannot be done to the contexts.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContextError {
    /// No context has this name.
    #[error("no context {0:?}; `procwire context list` shows them")]
    Unknown(String),
    /// The name is taken.
    #[error("context {0:?} exists already; --force replaces it")]
    Exists(String),
    /// The name cannot be one.
    #[error("context name {0:?}: 1 to 64 letters, digits and - _ . @, and not \"local\", which means this host")]
    Name(String),
}

impl Contexts {
    /// The context of a name; `None` for [`LOCAL`].
    pub(crate) fn get(&self, name: &str) -> Result<Option<&Context>, ContextError> {
        if name == LOCAL {
            return Ok(None);
        }
        self.named.get(name).map(Some).ok_or_else(|| ContextError::Unknown(name.to_owned()))
    }

    /// Name of the one in use.
    pub(crate) fn current(&self) -> &str {
        self.current.as_deref().unwrap_or(LOCAL)
    }

    /// Adds one; the first becomes the one in use.
    pub(crate) fn add(&mut self, name: &str, context: Context, replace: bool) -> Result<(), ContextError> {
        let characters_are_good =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@'));
        if name == LOCAL || !(1..=64).contains(&name.len()) || !characters_are_good {
            return Err(ContextError::Name(name.to_owned()));
        }
        if self.named.contains_key(name) && !replace {
            return Err(ContextError::Exists(name.to_owned()));
        }
        if self.named.is_empty() && self.current.is_none() {
            self.current = Some(name.to_owned());
        }
        self.named.insert(name.to_owned(), context);
        Ok(())
    }

    /// Makes one the one in use; [`LOCAL`] goes back to the agent inside this process.
    pub(crate) fn use_context(&mut self, name: &str) -> Result<(), ContextError> {
        self.get(name)?;
        self.current = (name != LOCAL).then(|| name.to_owned());
        Ok(())
    }

    /// Removes one. If it was in use, [`LOCAL`] is then.
    pub(crate) fn remove(&mut self, name: &str) -> Result<(), ContextError> {
        self.named.remove(name).ok_or_else(|| ContextError::Unknown(name.to_owned()))?;
        if self.current.as_deref() == Some(name) {
            self.current = None;
        }
        Ok(())
    }
}

/// `$XDG_CONFIG_HOME/procwire/config.toml`, else `~/.config/procwire/config.toml` (XDG base directories, which say that
/// a relative `XDG_CONFIG_HOME` is to be ignored). `None` without a home.
pub(crate) fn default_path(xdg_config_home: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    let base = xdg_config_home
        .filter(|path| path.is_absolute())
        .map(Path::to_owned)
        .or_else(|| home.filter(|home| !home.as_os_str().is_empty()).map(|home| home.join(".config")))?;
    Some(base.join("procwire").join("config.toml"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn context(endpoint: &str) -> Context {
        Context { endpoint: endpoint.to_owned(), ..Context::default() }
    }

    #[test]
    fn the_first_context_becomes_the_one_in_use() {
        let mut contexts = Contexts::default();
        assert_eq!(contexts.current(), LOCAL);
        contexts.add("web", context("https://web:7443"), false).unwrap();
        contexts.add("db", context("https://db:7443"), false).unwrap();
        assert_eq!(contexts.current(), "web");
    }

    #[test]
    fn names_are_checked_and_not_replaced_by_accident() {
        let mut contexts = Contexts::default();
        for wrong in ["", LOCAL, "a b", "a\n", "ä"] {
            assert_eq!(contexts.add(wrong, context("x"), true), Err(ContextError::Name(wrong.to_owned())));
        }
        contexts.add("web", context("https://old"), false).unwrap();
        assert_eq!(contexts.add("web", context("https://new"), false), Err(ContextError::Exists("web".to_owned())));
        contexts.add("web", context("https://new"), true).unwrap();
        assert_eq!(contexts.get("web").unwrap().unwrap().endpoint, "https://new");
    }

    #[test]
    fn local_is_always_there() {
        let mut contexts = Contexts::default();
        contexts.add("web", context("https://web:7443"), false).unwrap();
        contexts.use_context(LOCAL).unwrap();
        assert_eq!((contexts.current(), contexts.get(LOCAL).unwrap()), (LOCAL, None));
        assert_eq!(contexts.use_context("gone"), Err(ContextError::Unknown("gone".to_owned())));
    }

    #[test]
    fn removing_the_one_in_use_goes_back_to_local() {
        let mut contexts = Contexts::default();
        contexts.add("web", context("https://web:7443"), false).unwrap();
        contexts.remove("web").unwrap();
        assert_eq!(contexts, Contexts::default());
        assert_eq!(contexts.remove("web"), Err(ContextError::Unknown("web".to_owned())));
    }

    #[test]
    fn the_file_is_where_xdg_says() {
        let path = |xdg: Option<&str>, home: Option<&str>| default_path(xdg.map(Path::new), home.map(Path::new));
        assert_eq!(path(Some("/x"), Some("/home/a")).unwrap(), Path::new("/x/procwire/config.toml"));
        assert_eq!(path(Some("x"), Some("/home/a")).unwrap(), Path::new("/home/a/.config/procwire/config.toml"));
        assert_eq!(path(None, Some("")), None);
    }
}
