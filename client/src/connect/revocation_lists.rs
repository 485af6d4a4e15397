//! Revocation lists: of each authority the newest only, and the newest of all first. webpki asks the first list that speaks for a certificate and
//! no other, so that an older one before it would let in whom the newer one revokes. It does not tell which list is newer, so that is read here.

use std::cmp::Ordering;

use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject as _;
use webpki::{CertRevocationList, OwnedCertRevocationList};

use super::tls_config::{ConfigError, Origin};

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The optional part of a list that holds its extensions.
const EXTENSIONS: u8 = 0xa0;

/// 2.5.29.20
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 0x14];
/// 2.5.29.28
const DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 0x1c];
/// 2.5.29.35
const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 0x23];

/// Lists of one or several authorities.
#[derive(Default)]
pub(super) struct RevocationLists(Vec<List>);

struct List {
    origin: Origin,
    facts: Facts,
    looked_through: CertRevocationList<'static>,
    der: CertificateRevocationListDer<'static>,
}

/// What tells lists apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts {
    scope: Scope,
    /// Its issue: `20260102030405Z`, as GeneralizedTime, which sorts.
    begins: Vec<u8>,
    /// Big-endian, without leading zeros.
    number: Option<Vec<u8>>,
}

/// For what a list speaks, in DER. One takes the place of another of the same scope only: RFC 5280, section 5.2.3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Scope {
    issuer: Vec<u8>,
    authority_key: Option<Vec<u8>>,
    distribution_point: Option<Vec<u8>>,
}

impl RevocationLists {
    /// Adds those of a PEM text.
    pub(super) fn read(&mut self, text: &[u8], origin: &Origin) -> Result<(), ConfigError> {
        let mut is_empty = true;
        for der in CertificateRevocationListDer::pem_slice_iter(text) {
            let der = der.map_err(|source| ConfigError::Pem { origin: origin.clone(), source })?;
            self.add(List::read(der, origin)?)?;
            is_empty = false;
        }
        if is_empty { Err(ConfigError::NoRevocationList { origin: origin.clone() }) } else { Ok(()) }
    }

    /// As rustls takes them.
    pub(super) fn into_ders(self) -> impl Iterator<Item = CertificateRevocationListDer<'static>> {
        self.newest_first().into_iter().map(|list| list.der)
    }

    /// As webpki takes them.
    pub(super) fn into_looked_through(self) -> Vec<CertRevocationList<'static>> {
        self.newest_first().into_iter().map(|list| list.looked_through).collect()
    }

    fn newest_first(self) -> Vec<List> {
        let mut lists = self.0;
        lists.sort_by(|one, other| other.facts.age().cmp(&one.facts.age()));
        lists
    }

    fn add(&mut self, new: List) -> Result<(), ConfigError> {
        let Some(known) = self.0.iter_mut().find(|known| known.facts.scope == new.facts.scope) else {
            self.0.push(new);
            return Ok(());
        };
        if known.der == new.der {
            return Ok(());
        }
        match new.facts.compared_with(&known.facts) {
            Some(Ordering::Greater) => *known = new,
            Some(_) => {}
            None => return Err(ConfigError::UnclearLists { one: known.origin.clone(), other: new.origin }),
        }
        Ok(())
    }
}

impl List {
    fn read(der: CertificateRevocationListDer<'static>, origin: &Origin) -> Result<Self, ConfigError> {
        let unusable = |source| ConfigError::RevocationList { origin: origin.clone(), source };
        let looked_through = OwnedCertRevocationList::from_der(&der).map_err(unusable)?.into();
        let facts = Facts::read(&der).ok_or_else(|| unusable(webpki::Error::BadDer))?;
        Ok(Self { origin: origin.clone(), facts, looked_through, der })
    }
}

impl Facts {
    /// Of a list that webpki took. RFC 5280, section 5.1.
    fn read(der: &[u8]) -> Option<Self> {
        let (list, _) = expect(der, SEQUENCE)?;
        let (list, _signature) = expect(list, SEQUENCE)?;
        let rest = expect(list, INTEGER).map_or(list, |(_version, rest)| rest);
        let (_algorithm, rest) = expect(rest, SEQUENCE)?;
        let (issuer, rest) = expect(rest, SEQUENCE)?;
        let (tag, time, mut rest) = element(rest)?;
        let begins = match (tag, time) {
            (GENERALIZED_TIME, time) => time.to_vec(),
            // Two digits of the year: RFC 5280, section 4.1.2.5.1.
            (UTC_TIME, [decade, ..]) if *decade >= b'5' => [b"19", time].concat(),
            (UTC_TIME, time) => [b"20", time].concat(),
            _ => return None,
        };
        let scope = Scope { issuer: issuer.to_vec(), ..Scope::default() };
        let mut facts = Self { scope, begins, number: None };
        while !rest.is_empty() {
            let (tag, value, after) = element(rest)?;
            if tag == EXTENSIONS {
                facts.read_extensions(expect(value, SEQUENCE)?.0)?;
            }
            rest = after;
        }
        Some(facts)
    }

    fn read_extensions(&mut self, mut rest: &[u8]) -> Option<()> {
        while !rest.is_empty() {
            let (extension, after) = expect(rest, SEQUENCE)?;
            let (id, mut value) = expect(extension, OBJECT_IDENTIFIER)?;
            // Whether it is critical comes between.
            let value = loop {
                let (tag, inner, next) = element(value)?;
                if tag == OCTET_STRING {
                    break inner;
                }
                value = next;
            };
            match id {
                CRL_NUMBER => {
                    let (number, _) = expect(value, INTEGER)?;
                    self.number = Some(number.iter().copied().skip_while(|byte| *byte == 0).collect());
                }
                DISTRIBUTION_POINT => self.scope.distribution_point = Some(value.to_vec()),
                AUTHORITY_KEY => self.scope.authority_key = Some(value.to_vec()),
                _ => {}
            }
            rest = after;
        }
        Some(())
    }

    /// What is newer is greater. The longer number is the greater.
    fn age(&self) -> (&[u8], Option<(usize, &[u8])>) {
        (&self.begins, self.number.as_deref().map(|number| (number.len(), number)))
    }

    /// Which is newer, by number and date. `None`: they contradict each other, or say nothing.
    fn compared_with(&self, other: &Self) -> Option<Ordering> {
        let ((date, number), (other_date, other_number)) = (self.age(), other.age());
        let by_number = number.zip(other_number).map_or(Ordering::Equal, |(one, other)| one.cmp(&other));
        match (date.cmp(other_date), by_number) {
            (Ordering::Equal, Ordering::Equal) => None,
            (one, Ordering::Equal) | (Ordering::Equal, one) => Some(one),
            (by_date, by_number) => (by_date == by_number).then_some(by_date),
        }
    }
}

/// The value of the element that is first, if it has this tag, and what follows it.
fn expect(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(tag, ..)| *tag == wanted).map(|(_, value, rest)| (value, rest))
}

/// Tag and value of the element that is first, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((*tag, value, rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa, KeyIdMethod,
        KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
    };

    use super::*;

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn list(issuer: &CertifiedIssuer<'static, KeyPair>, serial: u64, number: u64, year: i32) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(year, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(issuer).unwrap().pem().unwrap()
    }

    fn read(texts: &[&str]) -> Result<RevocationLists, ConfigError> {
        let mut lists = RevocationLists::default();
        for text in texts {
            lists.read(text.as_bytes(), &Origin::Argument("ca_revocation_list"))?;
        }
        Ok(lists)
    }

    #[test]
    fn of_two_lists_of_one_authority_the_newer_counts_in_whichever_order_they_are() {
        let (issuer, other) = (authority(), authority());
        for (old, new) in [
            (list(&issuer, 7, 1, 2024), list(&issuer, 8, 2, 2025)),
            (list(&issuer, 7, 255, 2024), list(&issuer, 8, 256, 2024)),
            // UTCTime ends with 2049.
            (list(&issuer, 7, 1, 2049), list(&issuer, 8, 1, 2050)),
            (list(&issuer, 7, 1, 1999), list(&issuer, 8, 1, 2000)),
        ] {
            let elsewhere = list(&other, 9, 1, 1990);
            for (one, two) in [(&old, &new), (&new, &old)] {
                for texts in [vec![format!("{one}{elsewhere}{two}")], vec![one.clone(), elsewhere.clone(), two.clone()]]
                {
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    let lists = read(&texts).unwrap();
                    assert_eq!(read(&texts).unwrap().into_ders().count(), 2);
                    let lists = lists.into_looked_through();
                    let revokes = |index: usize, serial: u8| lists[index].find_serial(&[serial]).unwrap().is_some();
                    assert!(revokes(0, 8) && !revokes(0, 7) && revokes(1, 9), "the newest of each, the newest first");
                }
            }
        }
    }

    #[test]
    fn lists_of_which_none_is_clearly_the_newer_are_refused_and_copies_are_not() {
        let issuer = authority();
        let one = list(&issuer, 7, 2, 2024);
        for other in [list(&issuer, 8, 2, 2024), list(&issuer, 8, 1, 2025)] {
            let problem = read(&[&one, &other]).err().unwrap().to_string();
            assert!(problem.contains("unclear which is newer"), "{problem}");
        }
        assert_eq!(read(&[&one, &one]).unwrap().into_ders().count(), 1);
    }

    #[test]
    fn what_is_cut_or_garbled_is_no_list_and_no_panic() {
        let der = CertificateRevocationListDer::from_pem_slice(list(&authority(), 7, 1, 2024).as_bytes()).unwrap();
        let facts = Facts::read(&der).unwrap();
        assert!(facts.scope.authority_key.is_some() && facts.scope.distribution_point.is_none());
        assert_eq!((facts.begins.as_slice(), facts.number), (b"20240101000000Z".as_slice(), Some(vec![1])));
        for length in 0..der.len() {
            assert_eq!(Facts::read(&der[..length]), None, "{length} bytes");
            let mut garbled = der.to_vec();
            garbled[length] ^= 0xff;
            // Whatever it makes of it.
            let _ = Facts::read(&garbled);
        }
    }
}
