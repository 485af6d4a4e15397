//! Revocation lists.

use jiff::Timestamp;
use serde::Serialize;
use x509_parser::{prelude::FromDer as _, revocation_list::CertificateRevocationList};

use super::{
    Judge,
    certificate::{moment, signed_by},
    names,
};
use crate::pki::{Reason, Serial};

/// A revocation list.
#[derive(Clone, Debug, Serialize)]
pub struct ListFacts {
    /// Whose certificates it is about.
    pub issuer: String,
    /// Its number, if it has one.
    pub number: Option<String>,
    /// When it was made.
    pub this_update: Timestamp,
    /// When there must be another one; agents and clients let nobody in past it.
    pub next_update: Option<Timestamp>,
    /// Whether the authority of the directory signed it; unknown without one.
    pub is_of_authority: Option<bool>,
    /// What it names.
    pub revoked: Vec<RevokedFacts>,
}

/// One certificate that a list names.
#[derive(Clone, Debug, Serialize)]
pub struct RevokedFacts {
    /// Its serial number.
    pub serial: Serial,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

impl ListFacts {
    pub(super) fn of(der: &[u8], judge: &Judge) -> Result<Self, String> {
        let (_, list) =
            CertificateRevocationList::from_der(der).map_err(|error| format!("no revocation list: {error}"))?;
        let is_of_authority = signed_by(judge, |key| list.verify_signature(key).is_ok());
        Ok(Self {
            issuer: names::distinguished(list.issuer()),
            number: list.crl_number().map(ToString::to_string),
            this_update: moment(list.last_update()),
            next_update: list.next_update().map(moment),
            is_of_authority,
            revoked: entries(&list),
        })
    }
}

/// What a list says about a serial number.
pub(super) fn find(der: &[u8], serial: &Serial) -> Option<RevokedFacts> {
    let (_, list) = CertificateRevocationList::from_der(der).ok()?;
    entries(&list).into_iter().find(|revoked| revoked.serial == *serial)
}

/// True if its issuer is the one that is named.
pub(super) fn is_about(der: &[u8], issuer: &[u8]) -> bool {
    CertificateRevocationList::from_der(der).is_ok_and(|(_, list)| list.issuer().as_raw() == issuer)
}

pub(super) fn is_list(der: &[u8]) -> bool {
    CertificateRevocationList::from_der(der).is_ok()
}

fn entries(list: &CertificateRevocationList<'_>) -> Vec<RevokedFacts> {
    let fact = |revoked: &x509_parser::revocation_list::RevokedCertificate<'_>| RevokedFacts {
        serial: Serial::from_bytes(revoked.raw_serial()),
        at: moment(revoked.revocation_date),
        reason: revoked.reason_code().map_or(Reason::Unspecified, |(_, code)| Reason::from_code(code.0)),
    };
    list.iter_revoked_certificates().map(fact).collect()
}
