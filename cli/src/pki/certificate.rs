//! What a certificate that was issued earlier says.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::SystemTime,
};

use procwire_client::SpiffeId;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, pem::parse_x509_pem, x509::X509Name};

use super::{AgentProfile, ClientProfile, Leaf, Purpose, Serial, SubjectName, Validity};

/// One certificate, as far as it decides whether another is needed, and what that one shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) serial: Serial,
    pub(super) name: String,
    organisations: Vec<String>,
    subject_names: Vec<SubjectName>,
    spiffe_id: Option<SpiffeId>,
    /// `None` if it is for neither, or for both.
    purpose: Option<Purpose>,
    /// Names that we do not issue, such as mail addresses.
    has_other_names: bool,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

impl Certificate {
    /// `None` if it is no certificate.
    pub(super) fn parse(pem: &str) -> Option<Self> {
        let (_, pem) = parse_x509_pem(pem.as_bytes()).ok()?;
        Self::of(&pem.parse_x509().ok()?)
    }

    /// The same, if the authority of this certificate signed it.
    pub(super) fn parse_signed_by(pem: &str, authority_pem: &str) -> Option<Self> {
        let (_, authority) = parse_x509_pem(authority_pem.as_bytes()).ok()?;
        let (_, pem) = parse_x509_pem(pem.as_bytes()).ok()?;
        let certificate = pem.parse_x509().ok()?;
        certificate.verify_signature(Some(authority.parse_x509().ok()?.public_key())).ok()?;
        Self::of(&certificate)
    }

    fn of(certificate: &X509Certificate<'_>) -> Option<Self> {
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|extension| extension.value.general_names.clone()).unwrap_or_default();
        let subject_names: Vec<_> = names.iter().filter_map(subject_name).collect();
        let spiffe_id = names.iter().find_map(spiffe_id);
        let understood = subject_names.len() + usize::from(spiffe_id.is_some());
        Some(Self {
            serial: Serial::from_bytes(certificate.raw_serial()),
            name: all(certificate.subject(), X509Name::iter_common_name).into_iter().next()?,
            organisations: all(certificate.subject(), X509Name::iter_organization),
            has_other_names: names.len() != understood,
            subject_names,
            spiffe_id,
            purpose: purpose(certificate),
            not_before: certificate.validity().not_before.to_datetime().into(),
            not_after: certificate.validity().not_after.to_datetime().into(),
        })
    }

    /// What it says, for another one that says the same. `None` if it is no agent's or client's as we issue them.
    pub(super) fn leaf(&self) -> Option<Leaf> {
        let validity = Validity { not_before: self.not_before, not_after: self.not_after };
        if self.has_other_names {
            return None;
        }
        Some(Leaf {
            name: self.name.clone(),
            purpose: self.purpose?,
            organisations: self.organisations.clone(),
            subject_names: self.subject_names.clone(),
            spiffe_id: self.spiffe_id.clone(),
            validity,
        })
    }

    /// True if it says what this one would say, its time aside.
    pub(super) fn is_of_agent(&self, profile: &AgentProfile) -> bool {
        self.says(&Leaf::from(profile))
    }

    /// The same for a client's.
    pub(super) fn is_of_client(&self, profile: &ClientProfile) -> bool {
        self.says(&Leaf::from(profile))
    }

    fn says(&self, wanted: &Leaf) -> bool {
        self.leaf().is_some_and(|said| Leaf { validity: wanted.validity, ..said } == *wanted)
    }
}

fn purpose(certificate: &X509Certificate<'_>) -> Option<Purpose> {
    let usage = certificate.extended_key_usage().ok()??.value;
    match (usage.server_auth, usage.client_auth) {
        (true, false) => Some(Purpose::Agent),
        (false, true) => Some(Purpose::Client),
        _ => None,
    }
}

fn all<'a, Attributes>(name: &'a X509Name<'a>, attributes: impl FnOnce(&'a X509Name<'a>) -> Attributes) -> Vec<String>
where
    Attributes: Iterator<Item = &'a x509_parser::x509::AttributeTypeAndValue<'a>>,
{
    attributes(name).filter_map(|value| value.as_str().ok()).map(str::to_owned).collect()
}

fn subject_name(name: &GeneralName<'_>) -> Option<SubjectName> {
    match name {
        GeneralName::DNSName(name) => Some(SubjectName::Dns((*name).to_owned())),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
            let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes))));
            address.ok().map(SubjectName::Ip)
        }
        _ => None,
    }
}

fn spiffe_id(name: &GeneralName<'_>) -> Option<SpiffeId> {
    match name {
        GeneralName::URI(uri) => uri.parse().ok(),
        _ => None,
    }
}
