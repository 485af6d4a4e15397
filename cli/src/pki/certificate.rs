//! What a certificate that was issued earlier says.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::SystemTime,
};

use x509_parser::{certificate::X509Certificate, extensions::GeneralName, pem::parse_x509_pem, x509::X509Name};

use super::{AgentProfile, ClientProfile, SubjectName};

/// One certificate, as far as it decides whether another is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    name: String,
    organisation: Option<String>,
    subject_names: Vec<SubjectName>,
    pub(super) not_after: SystemTime,
}

impl Certificate {
    /// `None` if it is no certificate.
    pub(super) fn parse(pem: &str) -> Option<Self> {
        let (_, pem) = parse_x509_pem(pem.as_bytes()).ok()?;
        let certificate = pem.parse_x509().ok()?;
        Some(Self {
            name: first(certificate.subject(), X509Name::iter_common_name)?,
            organisation: first(certificate.subject(), X509Name::iter_organization),
            subject_names: subject_names(&certificate),
            not_after: certificate.validity().not_after.to_datetime().into(),
        })
    }

    /// True if it says what this one would say, its time aside.
    pub(super) fn is_of_agent(&self, profile: &AgentProfile) -> bool {
        self.name == profile.name && self.organisation.is_none() && self.subject_names == profile.subject_names
    }

    /// The same for a client's.
    pub(super) fn is_of_client(&self, profile: &ClientProfile) -> bool {
        let organisation = Some(profile.role.as_str());
        self.name == profile.name && self.organisation.as_deref() == organisation && self.subject_names.is_empty()
    }
}

fn first<'a, Attributes>(
    name: &'a X509Name<'a>,
    attributes: impl FnOnce(&'a X509Name<'a>) -> Attributes,
) -> Option<String>
where
    Attributes: Iterator<Item = &'a x509_parser::x509::AttributeTypeAndValue<'a>>,
{
    attributes(name).next()?.as_str().ok().map(str::to_owned)
}

fn subject_names(certificate: &X509Certificate<'_>) -> Vec<SubjectName> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|extension| &extension.value.general_names);
    names.filter_map(subject_name).collect()
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
