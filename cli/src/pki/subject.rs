//! Subjects with several organisations: a role, and groups.
//!
//! rcgen keeps a subject as a map, in which an attribute comes once. So a certificate is made with its common name alone, then the
//! subject is put in the place of that one and the whole is signed again.

use rcgen::{KeyPair, SigningKey as _};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use super::PkiError;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const BIT_STRING: u8 = 0x03;

/// id-at-organizationName and id-at-commonName, 2.5.4.10 and 2.5.4.3 (X.520).
const ORGANISATION: &[u8] = &[0x55, 4, 10];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// The same certificate with these organisations before the common name, signed anew; PEM.
pub(super) fn with_organisations(
    certificate: &[u8],
    common_name: &str,
    organisations: &[String],
    key: &KeyPair,
) -> Result<String, PkiError> {
    let unreadable = || error(rcgen::Error::CouldNotParseCertificate);
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| unreadable())?;
    let (signed, subject) = (parsed.tbs_certificate.as_ref(), parsed.subject().as_raw());
    let [before, after] = around(signed, subject).ok_or_else(unreadable)?;

    let mut names: Vec<u8> = organisations.iter().flat_map(|name| attribute(ORGANISATION, name)).collect();
    names.extend(attribute(COMMON_NAME, common_name));
    let to_be_signed = value(SEQUENCE, &[contents(before).ok_or_else(unreadable)?, &value(SEQUENCE, &[&names]), after]);
    // No bits of the last byte are unused.
    let signature = value(BIT_STRING, &[&[0], &key.sign(&to_be_signed).map_err(error)?]);
    let [_, rest] = around(certificate, signed).ok_or_else(unreadable)?;
    let algorithm = first_value(rest).ok_or_else(unreadable)?;
    let der = value(SEQUENCE, &[&to_be_signed, algorithm, &signature]);
    Ok(pem::encode_certificate(&der))
}

/// What comes before and after a part of some bytes; the part must be one of them, not a copy.
fn around<'a>(whole: &'a [u8], part: &[u8]) -> Option<[&'a [u8]; 2]> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    Some([whole.get(..start)?, whole.get(end..)?])
}

/// RelativeDistinguishedName ::= SET OF AttributeTypeAndValue (RFC 5280, section 4.1.2.4).
fn attribute(kind: &[u8], text: &str) -> Vec<u8> {
    let pair = value(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[kind]), &value(UTF8_STRING, &[text.as_bytes()])]);
    value(SET, &[&pair])
}

/// Tag, length and contents, as DER has them (X.690, section 8.1.3).
fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let mut der = vec![tag];
    match u8::try_from(contents.len()) {
        Ok(length @ 0..=0x7f) => der.push(length),
        _ => {
            let bytes: Vec<u8> = contents.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            // At most eight.
            der.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
            der.extend(bytes);
        }
    }
    der.extend(contents);
    der
}

/// Of bytes that begin with a value: those after its tag and length.
fn contents(der: &[u8]) -> Option<&[u8]> {
    der.get(header_length(der)?..)
}

/// Of bytes that begin with a value: that value.
fn first_value(der: &[u8]) -> Option<&[u8]> {
    let header = header_length(der)?;
    let length = match *der.get(1)? {
        short @ 0..=0x7f => usize::from(short),
        _ => der
            .get(2..header)?
            .iter()
            .try_fold(0_usize, |sum, byte| Some(sum.checked_mul(256)? + usize::from(*byte)))?,
    };
    der.get(..header.checked_add(length)?)
}

fn header_length(der: &[u8]) -> Option<usize> {
    match *der.get(1)? {
        0..=0x7f => Some(2),
        long => Some(2 + usize::from(long & 0x7f)),
    }
}

fn error(source: rcgen::Error) -> PkiError {
    PkiError::Certificate { what: "write the certificate's subject", source }
}

mod pem {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    /// RFC 7468: lines of 64 characters.
    pub(super) fn encode_certificate(der: &[u8]) -> String {
        let text = STANDARD.encode(der);
        let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
        for (index, character) in text.chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem.push_str("\n-----END CERTIFICATE-----\n");
        pem
    }
}
