//! What a file of certificates, revocation lists or keys says, as agents and clients would see it. Any file, of any authority: what is in it
//! is somebody else's text.

mod certificate;
mod key;
mod list;
mod names;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;
use x509_parser::pem::Pem;

use self::facts::{CertificateFacts, KeyFacts, ListFacts};
use super::{Directory, PkiError};

/// What is told of each thing.
pub mod facts {
    pub use super::{
        certificate::{Caller, CertificateFacts, Kind, Revocation},
        key::KeyFacts,
        list::{ListFacts, RevokedFacts},
    };
}

/// Larger than any bundle of authorities.
const LONGEST_FILE_BYTES: u64 = 16 << 20;

/// One file and what is in it.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// What is in it, in its order.
    pub contents: Vec<Contents>,
}

/// One thing in a file.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Contents {
    /// A certificate.
    Certificate(Box<CertificateFacts>),
    /// A revocation list.
    RevocationList(Box<ListFacts>),
    /// A private key; nothing of it is told but whether it fits.
    PrivateKey(KeyFacts),
    /// Something that cannot be read.
    Unreadable {
        /// As its file names it: "CERTIFICATE".
        label: String,
        /// Why not.
        problem: String,
    },
}

/// Against what certificates are judged.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    authority: Option<Vec<u8>>,
    lists: Vec<Vec<u8>>,
    /// Keys among the files and beside them.
    keys: Vec<(PathBuf, PublicHalf)>,
}

/// Of a private key, as a certificate has it.
type PublicHalf = Vec<u8>;

impl Judge {
    /// The authority of this directory and its revocation list, if they are there.
    pub fn of(directory: &Directory) -> Self {
        let first = |path: PathBuf, label: &str| {
            let text = fs::read(path).ok()?;
            Pem::iter_from_buffer(&text).filter_map(Result::ok).find(|pem| pem.label == label).map(|pem| pem.contents)
        };
        Self {
            authority: first(directory.authority_certificate(), CERTIFICATE),
            lists: first(directory.revocation_list(), REVOCATION_LIST).into_iter().collect(),
            keys: Vec::new(),
        }
    }
}

const CERTIFICATE: &str = "CERTIFICATE";
const REVOCATION_LIST: &str = "X509 CRL";

/// Looks into files. Keys and revocation lists among them are held against the certificates among them, and so is the key beside a certificate:
/// NAME.key beside NAME.crt, NAME_key.pem beside NAME.pem.
pub fn inspect(paths: &[PathBuf], mut judge: Judge) -> Result<Vec<Inspection>, PkiError> {
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        files.push((path, sections(path)?));
    }
    for (path, sections) in &files {
        for pem in sections {
            if pem.label == REVOCATION_LIST {
                judge.lists.push(pem.contents.clone());
            } else if let Some(key) = key::public_half(pem) {
                judge.keys.push(((*path).clone(), key));
            }
        }
        for beside in keys_beside(path) {
            // One that cannot be read (another user's) is simply not held against it.
            let sections = sections_if_there(&beside);
            judge.keys.extend(sections.iter().filter_map(key::public_half).map(|key| (beside.clone(), key)));
        }
    }
    Ok(files
        .into_iter()
        .map(|(path, sections)| {
            let contents = sections.iter().map(|pem| contents(pem, path, &judge)).collect();
            Inspection { path: path.clone(), contents }
        })
        .collect())
}

fn contents(pem: &Pem, path: &Path, judge: &Judge) -> Contents {
    let unreadable = |problem: String| Contents::Unreadable { label: pem.label.clone(), problem };
    match pem.label.as_str() {
        CERTIFICATE => match CertificateFacts::of(&pem.contents, path, judge) {
            Ok(facts) => Contents::Certificate(Box::new(facts)),
            Err(problem) => unreadable(problem),
        },
        REVOCATION_LIST => match ListFacts::of(&pem.contents, judge) {
            Ok(facts) => Contents::RevocationList(Box::new(facts)),
            Err(problem) => unreadable(problem),
        },
        label if label.ends_with("PRIVATE KEY") => match key::facts(pem, path) {
            Ok(facts) => Contents::PrivateKey(facts),
            Err(problem) => unreadable(problem),
        },
        _ => unreadable("it is no certificate, revocation list or private key".to_owned()),
    }
}

/// PEM, or one certificate or list as DER.
fn sections(path: &Path) -> Result<Vec<Pem>, PkiError> {
    let io_error = |source| PkiError::Io { operation: "read", path: path.to_owned(), source };
    let invalid = |problem: &str| PkiError::Registry { path: path.to_owned(), problem: problem.to_owned() };
    let metadata = fs::metadata(path).map_err(io_error)?;
    if metadata.len() > LONGEST_FILE_BYTES {
        return Err(invalid("it is larger than 16 MiB: no file of certificates"));
    }
    let bytes = fs::read(path).map_err(io_error)?;
    let mut sections = Vec::new();
    for section in Pem::iter_from_buffer(&bytes) {
        match section {
            Ok(pem) => sections.push(pem),
            // What follows the last section, or is no PEM at all.
            Err(x509_parser::error::PEMError::MissingHeader) => {}
            Err(error) => return Err(invalid(&format!("no valid PEM: {error}"))),
        }
    }
    if sections.is_empty() {
        let label = if list::is_list(&bytes) {
            REVOCATION_LIST
        } else if certificate::is_certificate(&bytes) {
            CERTIFICATE
        } else {
            return Err(invalid("no certificate, revocation list or key in it, neither PEM nor DER"));
        };
        sections.push(Pem { label: label.to_owned(), contents: bytes });
    }
    Ok(sections)
}

fn sections_if_there(path: &Path) -> Vec<Pem> {
    sections(path).unwrap_or_default()
}

fn keys_beside(path: &Path) -> Vec<PathBuf> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    [path.with_extension("key"), path.with_file_name(format!("{stem}_key.pem"))]
        .into_iter()
        .filter(|beside| beside != path)
        .collect()
}

#[cfg(test)]
mod tests;
