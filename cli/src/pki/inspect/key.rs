//! Private keys: nothing of them is told but what they fit.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rcgen::{KeyPair, PublicKeyData as _};
use rustls_pki_types::PrivateKeyDer;
use serde::Serialize;
use x509_parser::pem::Pem;

/// A private key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyFacts {
    /// The permission bits of its file, octal.
    pub mode: Option<String>,
    /// Whether others than its owner and its group can read or write the file.
    pub is_open_to_others: bool,
}

/// The public half of a private key, as certificates have it; `None` if it is no key that this tool understands.
pub(super) fn public_half(pem: &Pem) -> Option<Vec<u8>> {
    parse(pem).ok().map(|key| key.subject_public_key_info())
}

pub(super) fn facts(pem: &Pem, path: &Path) -> Result<KeyFacts, String> {
    if pem.label == "ENCRYPTED PRIVATE KEY" {
        return Err("the key is encrypted; agents and clients take keys that are not".to_owned());
    }
    parse(pem)?;
    let mode = fs::metadata(path).ok().map(|metadata| metadata.permissions().mode() & 0o777);
    Ok(KeyFacts {
        mode: mode.map(|mode| format!("{mode:03o}")),
        is_open_to_others: mode.is_some_and(|mode| mode & 0o007 != 0),
    })
}

fn parse(pem: &Pem) -> Result<KeyPair, String> {
    let der = pem.contents.as_slice();
    let key = match pem.label.as_str() {
        "PRIVATE KEY" => PrivateKeyDer::Pkcs8(der.into()),
        "EC PRIVATE KEY" => PrivateKeyDer::Sec1(der.into()),
        "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(der.into()),
        _ => return Err("no private key".to_owned()),
    };
    KeyPair::try_from(&key).map_err(|error| format!("no private key that can be used: {error}"))
}
