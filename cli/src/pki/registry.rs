//! What an authority issued, and what of it is revoked: `registry.json` beside it.
//!
//! Without it a certificate could be revoked only by whoever still has it. A folder of an earlier version has none; then the
//! certificates that lie in it, and the revocation list if there is one, are where it begins.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use x509_parser::{pem::parse_x509_pem, prelude::FromDer as _, revocation_list::CertificateRevocationList};

use super::{PkiError, Purpose, Reason, RevocationList, Revoked, Serial, certificate::Certificate};
use crate::private_file::{self, Existing};

const VERSION: u32 = 1;
const DAY: Duration = Duration::from_secs(86_400);
/// A certificate that ended so long ago is forgotten, or hourly renewals would fill the file.
const MEMORY: Duration = Duration::from_secs(400 * 86_400);

/// All that an authority issued, and its last revocation list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// Number of the last revocation list; 0: there was none.
    pub list_number: u64,
    entries: BTreeMap<Serial, Entry>,
}

/// One certificate that was issued, or is only known to be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its serial number.
    pub serial: Serial,
    /// What is known of it; `None` if only its serial number is.
    pub certificate: Option<Known>,
    /// Since when and why it is revoked.
    pub revoked: Option<(SystemTime, Reason)>,
}

/// What is kept of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Common name.
    pub name: String,
    /// Whose it is; `None`: neither an agent's nor a client's alone.
    pub purpose: Option<Purpose>,
    /// Roles and groups.
    pub organisations: Vec<String>,
    /// SPIFFE id.
    pub spiffe_id: Option<String>,
    /// First moment of its validity.
    pub not_before: SystemTime,
    /// Last moment.
    pub not_after: SystemTime,
}

impl Registry {
    /// Reads it, and what lies in the directory without being in it.
    pub(super) fn load(directory: &Path, authority_pem: &str) -> Result<Self, PkiError> {
        let path = path_in(directory);
        let mut registry = match fs::read(&path) {
            Ok(text) => Self::parse(&text).map_err(|problem| PkiError::Registry { path: path.clone(), problem })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(source) => return Err(PkiError::Io { operation: "read", path, source }),
        };
        registry.adopt_list(&directory.join(LIST_FILE))?;
        registry.adopt_certificates(directory, authority_pem)?;
        Ok(registry)
    }

    /// Writes it in one step.
    pub(super) fn save(&self, directory: &Path, now: SystemTime) -> Result<(), PkiError> {
        let path = path_in(directory);
        let kept = self.entries.values().filter(|entry| !entry.ended_before(now - MEMORY));
        let file = File {
            version: VERSION,
            revocation_list_number: self.list_number,
            certificates: kept.map(FileEntry::from).collect(),
        };
        let mut text = serde_json::to_vec_pretty(&file)
            .map_err(|error| PkiError::Registry { path: path.clone(), problem: error.to_string() })?;
        text.push(b'\n');
        let written = private_file::write(&path, &text, Existing::Replace);
        written.map_err(|source| PkiError::Io { operation: "write", path, source })
    }

    /// Every certificate, in the order of their ends.
    pub fn entries(&self) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.entries.values().collect();
        entries.sort_by_key(|entry| (entry.certificate.as_ref().map(|known| known.not_after), entry.serial.clone()));
        entries
    }

    /// The one with this serial number.
    pub fn get(&self, serial: &Serial) -> Option<&Entry> {
        self.entries.get(serial)
    }

    /// Notes one that is being issued.
    pub(super) fn add(&mut self, certificate: &Certificate) {
        let entry = Entry { serial: certificate.serial.clone(), certificate: Some(known(certificate)), revoked: None };
        self.entries.entry(certificate.serial.clone()).or_insert(entry);
    }

    /// Notes that one is revoked; false if it was already.
    pub(super) fn revoke(&mut self, serial: &Serial, at: SystemTime, reason: Reason) -> bool {
        let unknown = || Entry { serial: serial.clone(), certificate: None, revoked: None };
        let entry = self.entries.entry(serial.clone()).or_insert_with(unknown);
        let is_news = entry.revoked.is_none();
        if is_news {
            entry.revoked = Some((at, reason));
        }
        is_news
    }

    /// The next revocation list. What ended more than a day ago is refused for that, and is left out.
    pub(super) fn next_list(&mut self, now: SystemTime, valid_for: Duration) -> RevocationList {
        self.list_number += 1;
        let revoked = self.entries.values().filter(|entry| !entry.ended_before(now - DAY)).filter_map(|entry| {
            let (at, reason) = entry.revoked?;
            Some(Revoked { serial: entry.serial.to_bytes(), at, reason })
        });
        RevocationList {
            number: self.list_number,
            this_update: now,
            next_update: now + valid_for,
            revoked: revoked.collect(),
        }
    }

    fn adopt_list(&mut self, path: &Path) -> Result<(), PkiError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(PkiError::Io { operation: "read", path: path.to_owned(), source }),
        };
        let unreadable = || PkiError::Registry {
            path: path.to_owned(),
            problem: "it is no revocation list; put it away, and `procwire pki crl` makes it anew".to_owned(),
        };
        let (_, pem) = parse_x509_pem(&text).map_err(|_| unreadable())?;
        let (_, list) = CertificateRevocationList::from_der(&pem.contents).map_err(|_| unreadable())?;
        let number = list.crl_number().and_then(|number| u64::try_from(number).ok()).unwrap_or_default();
        self.list_number = self.list_number.max(number);
        for revoked in list.iter_revoked_certificates() {
            let reason = revoked.reason_code().map_or(Reason::Unspecified, |(_, code)| Reason::from_code(code.0));
            self.revoke(
                &Serial::from_bytes(revoked.raw_serial()),
                revoked.revocation_date.to_datetime().into(),
                reason,
            );
        }
        Ok(())
    }

    fn adopt_certificates(&mut self, directory: &Path, authority_pem: &str) -> Result<(), PkiError> {
        let error = |source| PkiError::Io { operation: "read", path: directory.to_owned(), source };
        for entry in fs::read_dir(directory).map_err(error)? {
            let path = entry.map_err(error)?.path();
            let is_certificate = path.extension().is_some_and(|extension| extension == "crt");
            if !is_certificate || path.file_stem().is_some_and(|stem| stem == "ca") {
                continue;
            }
            // What is not ours, or cannot be read, is none of ours to revoke.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            if let Some(certificate) = Certificate::parse_signed_by(&text, authority_pem) {
                self.add(&certificate);
            }
        }
        Ok(())
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let file: File = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if file.version != VERSION {
            return Err(format!("it has the version {}, and this procwire knows {VERSION}", file.version));
        }
        let mut entries = BTreeMap::new();
        for entry in file.certificates {
            let entry = Entry::try_from(entry)?;
            entries.insert(entry.serial.clone(), entry);
        }
        Ok(Self { list_number: file.revocation_list_number, entries })
    }
}

impl Entry {
    /// True if it is neither revoked nor past its end.
    pub fn is_good(&self, now: SystemTime) -> bool {
        self.revoked.is_none() && !self.ended_before(now)
    }

    /// True if it is past its end.
    pub fn has_ended(&self, now: SystemTime) -> bool {
        self.ended_before(now)
    }

    /// True if it was issued under this name.
    pub fn is_named(&self, name: &str) -> bool {
        self.certificate.as_ref().is_some_and(|known| known.name == name)
    }

    /// One of which only the serial number is known may still be in use.
    fn ended_before(&self, moment: SystemTime) -> bool {
        self.certificate.as_ref().is_some_and(|known| known.not_after < moment)
    }
}

fn known(certificate: &Certificate) -> Known {
    let leaf = certificate.leaf();
    Known {
        name: certificate.name.clone(),
        purpose: leaf.as_ref().map(|leaf| leaf.purpose),
        organisations: leaf.as_ref().map(|leaf| leaf.organisations.clone()).unwrap_or_default(),
        spiffe_id: leaf.and_then(|leaf| leaf.spiffe_id).map(|id| id.to_string()),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
    }
}

// === the file ===

/// The revocation list, beside the authority.
pub(super) const LIST_FILE: &str = "ca.crl";

/// The registry, beside the authority.
pub(super) const FILE: &str = "registry.json";

fn path_in(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    revocation_list_number: u64,
    certificates: Vec<FileEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    serial: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<FileCertificate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<FileRevoked>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileCertificate {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purpose: Option<Purpose>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    organisations: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spiffe_id: Option<String>,
    not_before: Timestamp,
    not_after: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRevoked {
    at: Timestamp,
    reason: Reason,
}

impl From<&Entry> for FileEntry {
    fn from(entry: &Entry) -> Self {
        let certificate = entry.certificate.clone().map(|known| FileCertificate {
            name: known.name,
            purpose: known.purpose,
            organisations: known.organisations,
            spiffe_id: known.spiffe_id,
            not_before: moment(known.not_before),
            not_after: moment(known.not_after),
        });
        let revoked = entry.revoked.map(|(at, reason)| FileRevoked { at: moment(at), reason });
        Self { serial: entry.serial.to_string(), certificate, revoked }
    }
}

impl TryFrom<FileEntry> for Entry {
    type Error = String;

    fn try_from(entry: FileEntry) -> Result<Self, String> {
        let certificate = entry.certificate.map(|certificate| Known {
            name: certificate.name,
            purpose: certificate.purpose,
            organisations: certificate.organisations,
            spiffe_id: certificate.spiffe_id,
            not_before: certificate.not_before.into(),
            not_after: certificate.not_after.into(),
        });
        Ok(Self {
            serial: entry.serial.parse().map_err(|error: PkiError| error.to_string())?,
            certificate,
            revoked: entry.revoked.map(|revoked| (revoked.at.into(), revoked.reason)),
        })
    }
}

/// Certificates beyond the year 9999 are none of ours.
fn moment(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}
