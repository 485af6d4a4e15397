//! Certificates in files that somebody renews while the client lives: SPIRE every hour, cert-manager, a cron job.
//!
//! Files are read again when a connection is made, so that a client goes on with what is there by then. What cannot be used
//! (half of a pair is written, a file is gone) does not replace what can.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::tls_config::{ConfigError, Material, TlsSettings};

/// Certificate and key are two files: who reads between the two renames of their renewal gets a pair that does not belong together.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// Settings, and what was made of them last.
pub(crate) struct TlsFiles(Arc<Shared>);

struct Shared {
    settings: TlsSettings,
    good: Mutex<Good>,
}

#[derive(Clone)]
struct Good {
    material: Material,
    config: Arc<ClientConfig>,
}

/// What to connect with.
pub(crate) struct Current {
    pub(super) config: Arc<ClientConfig>,
    /// Why it is not what the files say now.
    pub(super) problem: Option<Arc<ConfigError>>,
}

impl TlsFiles {
    /// Reads them for the first time: then they must be good.
    pub(crate) fn load(settings: TlsSettings) -> Result<Self, ConfigError> {
        let material = settings.read()?;
        let config = Arc::new(settings.to_config(&material)?);
        Ok(Self(Arc::new(Shared { settings, good: Mutex::new(Good { material, config }) })))
    }

    /// True if there are files at all, and not only text.
    pub(super) fn are_files(&self) -> bool {
        self.0.settings.are_in_files()
    }

    /// What the files say now, or what they said when they were last good.
    #[allow(
        clippy::disallowed_methods,
        reason = "files of a few KiB, one reader at a time: whoever connects holds a lock"
    )]
    pub(super) async fn current(&self, deadline: Instant) -> Current {
        let shared = Arc::clone(&self.0);
        if !shared.settings.are_in_files() {
            return shared.last_good(None);
        }
        match timeout_at(deadline, spawn_blocking(move || shared.reload())).await {
            Ok(Ok(current)) => current,
            // Too slow, or the runtime is shutting down.
            Ok(Err(_)) | Err(_) => self.0.last_good(Some(ConfigError::ReadTimedOut)),
        }
    }

    /// True if the files can be used and say something else than what was connected with last.
    #[allow(clippy::disallowed_methods, reason = "files of a few KiB, once in half a minute")]
    pub(super) async fn have_changed(&self) -> bool {
        let shared = Arc::clone(&self.0);
        shared.settings.are_in_files() && spawn_blocking(move || shared.is_outdated()).await.unwrap_or(false)
    }
}

impl Shared {
    #[allow(clippy::disallowed_methods, reason = "on a thread that is there for blocking")]
    fn reload(&self) -> Current {
        let mut problem = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                thread::sleep(PAUSE);
            }
            match self.read_changed() {
                Ok(None) => return self.last_good(None),
                Ok(Some(good)) => {
                    let config = Arc::clone(&good.config);
                    *self.good.lock().unwrap_or_else(PoisonError::into_inner) = good;
                    return Current { config, problem: None };
                }
                Err(error) => problem = Some(error),
            }
        }
        self.last_good(problem)
    }

    fn is_outdated(&self) -> bool {
        matches!(self.read_changed(), Ok(Some(_)))
    }

    /// Nothing if they say what they said.
    fn read_changed(&self) -> Result<Option<Good>, ConfigError> {
        let material = self.settings.read()?;
        if self.good.lock().unwrap_or_else(PoisonError::into_inner).material == material {
            return Ok(None);
        }
        let config = Arc::new(self.settings.to_config(&material)?);
        Ok(Some(Good { material, config }))
    }

    fn last_good(&self, problem: Option<ConfigError>) -> Current {
        let config = Arc::clone(&self.good.lock().unwrap_or_else(PoisonError::into_inner).config);
        Current { config, problem: problem.map(Arc::new) }
    }
}
