//! Taking certificates back, and the list that tells agents and clients.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use super::{Directory, Lock, io_error};
use crate::{
    pki::{Authority, Entry, PkiError, Reason, Registry, Serial, certificate::Certificate},
    private_file,
};

/// Which certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokeTarget {
    /// Every one of this name that has not ended.
    Name(String),
    /// The one with this serial number.
    Serial(Serial),
    /// The one in this file.
    File(PathBuf),
}

/// What was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Those that were good until now.
    pub revoked: Vec<Entry>,
    /// Those that were revoked earlier.
    pub already: Vec<Entry>,
    /// The list that says so.
    pub list: ListWritten,
}

/// A revocation list that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListWritten {
    /// Where.
    pub path: PathBuf,
    /// Its number.
    pub number: u64,
    /// Certificates in it.
    pub revoked: usize,
    /// When the next one must be there.
    pub next_update: SystemTime,
}

impl Directory {
    /// Revokes certificates and writes the list anew: all of them, or none if one is not known.
    /// `even_unknown` takes serial numbers that were never noted.
    pub fn revoke(
        &self,
        targets: &[RevokeTarget],
        reason: Reason,
        valid_for: Duration,
        even_unknown: bool,
    ) -> Result<Revocation, PkiError> {
        let authority = self.authority()?;
        let _lock = Lock::take(&self.path)?;
        let mut registry = self.registry()?;
        let mut serials = Vec::new();
        for target in targets {
            serials.extend(self.serials(target, &mut registry, &authority, even_unknown)?);
        }
        let now = whole_seconds(SystemTime::now());
        let (mut revoked, mut already) = (Vec::new(), Vec::new());
        for serial in serials {
            let is_news = registry.revoke(&serial, now, reason);
            let entry = registry.get(&serial).cloned();
            if is_news { revoked.extend(entry) } else { already.extend(entry) }
        }
        already.retain(|entry| !revoked.contains(entry));
        let list = self.write_list(&authority, &mut registry, valid_for)?;
        Ok(Revocation { revoked, already, list })
    }

    /// Writes the list anew, with what is revoked so far.
    pub fn refresh_list(&self, valid_for: Duration) -> Result<ListWritten, PkiError> {
        let authority = self.authority()?;
        let _lock = Lock::take(&self.path)?;
        let mut registry = self.registry()?;
        self.write_list(&authority, &mut registry, valid_for)
    }

    /// The registry goes first: if this is interrupted, the next list has it all.
    fn write_list(
        &self,
        authority: &Authority,
        registry: &mut Registry,
        valid_for: Duration,
    ) -> Result<ListWritten, PkiError> {
        let now = whole_seconds(SystemTime::now());
        let list = registry.next_list(now, valid_for);
        let pem = authority.revocation_list(&list)?;
        registry.save(&self.path, now)?;
        let path = self.revocation_list();
        private_file::write_for_everybody(&path, pem.as_bytes()).map_err(io_error("write", &path))?;
        Ok(ListWritten { path, number: list.number, revoked: list.revoked.len(), next_update: list.next_update })
    }

    fn serials(
        &self,
        target: &RevokeTarget,
        registry: &mut Registry,
        authority: &Authority,
        even_unknown: bool,
    ) -> Result<Vec<Serial>, PkiError> {
        let unknown = |text: &str, problem| PkiError::UnknownTarget { text: text.to_owned(), problem };
        match target {
            RevokeTarget::Name(name) => {
                let now = SystemTime::now();
                let named: Vec<_> = registry.entries().into_iter().filter(|entry| entry.is_named(name)).collect();
                let problem = match named.is_empty() {
                    true => {
                        "no certificate of this name was issued here; `procwire pki list` shows them, --serial and a file do too"
                    }
                    false => "its certificates have ended: there is nothing to revoke",
                };
                let lasting = named.into_iter().filter(|entry| !entry.has_ended(now));
                let serials: Vec<_> = lasting.map(|entry| entry.serial.clone()).collect();
                if serials.is_empty() { Err(unknown(name, problem)) } else { Ok(serials) }
            }
            RevokeTarget::Serial(serial) if even_unknown || registry.get(serial).is_some() => Ok(vec![serial.clone()]),
            RevokeTarget::Serial(serial) => Err(unknown(
                serial.as_str(),
                "no certificate with this serial number was issued here; --unknown revokes it all the same",
            )),
            RevokeTarget::File(path) => {
                let pem = fs::read_to_string(path).map_err(io_error("read", path))?;
                let certificate = Certificate::parse_signed_by(&pem, authority.certificate_pem());
                let shown = path.display().to_string();
                let certificate = certificate.ok_or_else(|| unknown(&shown, "no certificate of this authority"))?;
                registry.add(&certificate);
                Ok(vec![certificate.serial])
            }
        }
    }
}

/// Certificates and lists count in seconds.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs())
}
