//! Certificates, and whom an agent takes their holder for.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use procwire_agent::access::Principal;
use serde::Serialize;
use x509_parser::{
    certificate::X509Certificate, extensions::ExtendedKeyUsage, prelude::FromDer as _, public_key::PublicKey,
    time::ASN1Time, x509::SubjectPublicKeyInfo,
};

use super::{Judge, list, names};
use crate::pki::{Reason, Serial};

/// A certificate.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateFacts {
    /// Whose it is.
    pub kind: Kind,
    /// All of its subject.
    pub subject: String,
    /// All of its issuer's subject.
    pub issuer: String,
    /// Its serial number.
    pub serial: Serial,
    /// Names and addresses that it is good for.
    pub names: Vec<String>,
    /// Its SPIFFE id, if it has one.
    pub spiffe_id: Option<String>,
    /// What it may be used for: "servers", "clients", "any purpose", or numbers; empty: nothing is said.
    pub purposes: Vec<String>,
    /// Whom an agent takes its holder for.
    pub caller: Caller,
    /// First moment of its validity.
    pub not_before: Timestamp,
    /// Last moment.
    pub not_after: Timestamp,
    /// What its key is: "EC, 256 bits".
    pub key: String,
    /// SHA-256 of all of it.
    pub sha256: String,
    /// Whether the authority of the directory signed it; unknown without one.
    pub is_of_authority: Option<bool>,
    /// What the revocation lists say.
    pub revocation: Revocation,
    /// The file with its private key, if one of those that were looked at is that.
    pub key_file: Option<PathBuf>,
    /// A file beside it that looks as if it had its key, and does not.
    pub foreign_key_file: Option<PathBuf>,
}

/// Whose a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It signs others.
    Authority,
    /// An agent's.
    Agent,
    /// A client's.
    Client,
    /// For both, as SPIRE issues them.
    AgentAndClient,
    /// For something else.
    Other,
}

/// Whom an agent takes the holder of a certificate for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// One that it lets in, if it trusts the authority.
    Known {
        /// The name in its decisions and its audit trail.
        principal: String,
        /// What the certificate alone gives it; a policy may give it more.
        roles: Vec<String>,
    },
    /// None that it lets in.
    Refused(String),
    /// It is no client's certificate.
    None,
}

/// What is known of the revocation of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// A list of its authority names it.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// The list of its authority does not name it.
    NotRevoked,
    /// There is no list of its authority here.
    Unknown,
}

impl CertificateFacts {
    pub(super) fn of(der: &[u8], path: &Path, judge: &Judge) -> Result<Self, String> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|error| format!("no certificate: {error}"))?;
        if !rest.is_empty() {
            return Err(format!("no certificate: {} bytes follow it", rest.len()));
        }
        let alternative = certificate.subject_alternative_name().ok().flatten();
        let names: Vec<_> = alternative
            .map(|extension| extension.value.general_names.iter().map(names::alternative).collect())
            .unwrap_or_default();
        let usage = certificate.extended_key_usage().ok().flatten().map(|extension| extension.value);
        let kind = kind(&certificate, usage);
        let serial = Serial::from_bytes(certificate.raw_serial());
        let (key_file, foreign_key_file) = key_files(certificate.public_key(), path, judge);
        Ok(Self {
            kind,
            subject: names::distinguished(certificate.subject()),
            issuer: names::distinguished(certificate.issuer()),
            spiffe_id: names
                .iter()
                .find_map(|name| name.strip_prefix("URI:"))
                .filter(|uri| is_spiffe(uri))
                .map(str::to_owned),
            names,
            purposes: usage.map(purposes).unwrap_or_default(),
            caller: caller(der, kind),
            not_before: moment(certificate.validity().not_before),
            not_after: moment(certificate.validity().not_after),
            key: key(certificate.public_key()),
            sha256: names::hexadecimal(digest(&SHA256, der).as_ref()),
            is_of_authority: signed_by(judge, |key| certificate.verify_signature(Some(key)).is_ok()),
            revocation: revocation(&certificate, &serial, judge),
            serial,
            key_file,
            foreign_key_file,
        })
    }
}

pub(super) fn is_certificate(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok()
}

/// Unknown without an authority.
pub(super) fn signed_by(judge: &Judge, verify: impl FnOnce(&SubjectPublicKeyInfo<'_>) -> bool) -> Option<bool> {
    let (_, authority) = X509Certificate::from_der(judge.authority.as_deref()?).ok()?;
    Some(verify(authority.public_key()))
}

/// Beyond what can be told (the year 9999), the last moment that can.
pub(super) fn moment(time: ASN1Time) -> Timestamp {
    Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX)
}

fn is_spiffe(uri: &str) -> bool {
    uri.starts_with("spiffe://")
}

fn kind(certificate: &X509Certificate<'_>, usage: Option<&ExtendedKeyUsage<'_>>) -> Kind {
    if certificate.is_ca() {
        return Kind::Authority;
    }
    match usage.map(|usage| (usage.server_auth, usage.client_auth)) {
        Some((true, true)) => Kind::AgentAndClient,
        Some((true, false)) => Kind::Agent,
        Some((false, true)) => Kind::Client,
        _ => Kind::Other,
    }
}

fn purposes(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let named = [
        (usage.any, "any purpose"),
        (usage.server_auth, "servers"),
        (usage.client_auth, "clients"),
        (usage.code_signing, "signing code"),
        (usage.email_protection, "mail"),
        (usage.time_stamping, "time stamps"),
        (usage.ocsp_signing, "signing OCSP answers"),
    ];
    let named = named.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name.to_owned());
    named.chain(usage.other.iter().map(ToString::to_string)).collect()
}

/// The agent itself decides, so that what is shown is what happens.
fn caller(der: &[u8], kind: Kind) -> Caller {
    if !matches!(kind, Kind::Client | Kind::AgentAndClient) {
        return Caller::None;
    }
    match Principal::from_certificate(der, SocketAddr::from(([0, 0, 0, 0], 0))) {
        Ok(principal) => {
            let roles = principal.roles.iter().map(|role| role.name().to_owned()).collect();
            Caller::Known { principal: principal.name, roles }
        }
        Err(error) => Caller::Refused(error.to_string()),
    }
}

fn key(key: &SubjectPublicKeyInfo<'_>) -> String {
    let kind = match key.parsed() {
        Ok(PublicKey::RSA(key)) => return format!("RSA, {} bits", key.key_size()),
        Ok(PublicKey::EC(key)) => return format!("EC, {} bits", key.key_size()),
        _ => key.algorithm.algorithm.to_string(),
    };
    // RFC 8410.
    if kind == "1.3.101.112" { "Ed25519".to_owned() } else { kind }
}

fn revocation(certificate: &X509Certificate<'_>, serial: &Serial, judge: &Judge) -> Revocation {
    let issuer = certificate.issuer().as_raw();
    let lists: Vec<_> = judge.lists.iter().filter(|der| list::is_about(der, issuer)).collect();
    match lists.iter().find_map(|der| list::find(der, serial)) {
        Some(revoked) => Revocation::Revoked { at: revoked.at, reason: revoked.reason },
        None if lists.is_empty() => Revocation::Unknown,
        None => Revocation::NotRevoked,
    }
}

/// The file that has its key; or else a file with its own name and the key of another.
fn key_files(public: &SubjectPublicKeyInfo<'_>, path: &Path, judge: &Judge) -> (Option<PathBuf>, Option<PathBuf>) {
    let found = judge.keys.iter().find(|(_, key)| key.as_slice() == public.raw).map(|(path, _)| path.clone());
    let beside = super::keys_beside(path);
    let foreign = judge.keys.iter().find(|(path, _)| beside.contains(path)).map(|(path, _)| path.clone());
    let foreign = foreign.filter(|_| found.is_none());
    (found, foreign)
}
