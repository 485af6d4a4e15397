//! Who is let in, and who is not.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, SanType, SerialNumber};
use rustls::{AlertDescription, Error};
use rustls_pki_types::CertificateDer;
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use super::{
    super::{certificates::Loaded, trust::Examined, unwelcome::Unwelcome},
    Fixture,
};
use crate::{
    digest::{hexadecimal, sha256},
    pki::{Authority, HOUR, Identity},
};

fn judge_at(loaded: &Loaded, chain: &[CertificateDer<'static>], now: SystemTime) -> Result<Examined, Unwelcome> {
    loaded.certificates.in_force().trust.examine(chain, "192.0.2.1:1".parse().unwrap(), now)
}

fn judge(loaded: &Loaded, client: &Identity) -> Result<Examined, Unwelcome> {
    judge_at(loaded, &[client.certificate.der().clone()], SystemTime::now())
}

fn alert(judgement: Result<Examined, Unwelcome>) -> AlertDescription {
    match judgement.unwrap_err().to_rustls() {
        Error::InvalidCertificate(error) => error.into(),
        other => unreachable!("{other}"),
    }
}

fn with_serial(serial: u64) -> impl FnOnce(&mut CertificateParams) {
    move |params| params.serial_number = Some(SerialNumber::from(serial))
}

fn uri(text: &str) -> Vec<SanType> {
    vec![SanType::URI(text.try_into().unwrap())]
}

#[test]
fn who_is_on_the_revocation_list_is_out_and_who_is_not_is_in() {
    let mut files = Fixture::new();
    files.files.client_crl = vec![files.write("ca.crl", &files.pki.authority.crl(&[7, 8]).pem().unwrap())];
    let loaded = files.load();
    let refused = judge(&loaded, &files.pki.issue(with_serial(7)));
    assert_eq!(refused.as_ref().unwrap_err().principal().unwrap().name, "someone");
    assert_eq!(refused.as_ref().unwrap_err().to_string(), "the certificate is revoked: serial 07");
    assert_eq!(alert(refused), AlertDescription::CertificateRevoked);
    let allowed = judge(&loaded, &files.pki.issue(with_serial(9))).unwrap();
    assert_eq!(allowed.principal.name, "someone");
    // The list runs out first.
    assert!(allowed.until <= SystemTime::now() + HOUR * 24);
}

#[test]
fn where_there_are_lists_nobody_is_let_in_of_whom_none_tells() {
    let other = Authority::root("another authority");
    let files = Fixture::with_crl(&other.crl(&[]).pem().unwrap());
    let refused = judge(&files.load(), &files.pki.issue(with_serial(1)));
    assert!(refused.as_ref().unwrap_err().to_string().starts_with("no list in tls.client_crl speaks for the issuer"));
    assert_eq!(alert(refused), AlertDescription::CertificateUnknown);
}

#[test]
fn a_list_past_its_next_update_speaks_for_nobody() {
    let mut files = Fixture::new();
    let now = SystemTime::now();
    let list = files.pki.authority.crl_of(&[], now - HOUR * 2, now - HOUR);
    files.files.client_crl = vec![files.write("ca.crl", &list.pem().unwrap())];
    let loaded = files.load();
    let refused = judge(&loaded, &files.pki.issue(with_serial(1)));
    assert!(refused.as_ref().unwrap_err().to_string().ends_with("is past its next update"));
    assert_eq!(alert(refused), AlertDescription::CertificateUnknown);
    let warnings = loaded.certificates.status(0).warnings;
    assert!(files.without_folder(&warnings[0]).starts_with("tls.client_crl ca.crl has ended: "), "{warnings:?}");
}

#[test]
fn a_list_that_another_key_signed_lets_nobody_in() {
    // The same name, another key.
    let impostor = Authority::root("test authority");
    let files = Fixture::with_crl(&impostor.crl(&[]).pem().unwrap());
    let refused = judge(&files.load(), &files.pki.issue(with_serial(1)));
    assert!(refused.as_ref().unwrap_err().to_string().starts_with("tls.client_crl cannot be used"), "{refused:?}");
    assert_eq!(alert(refused), AlertDescription::CertificateUnknown);
}

#[test]
fn every_way_to_name_somebody_denies() {
    let pki = Fixture::new().pki;
    let client = |id: Option<&str>| {
        pki.issue(|params| {
            params.serial_number = Some(SerialNumber::from_slice(&[0x0a, 0xff, 0x12]));
            params.distinguished_name.push(DnType::CommonName, "alice");
            params.subject_alt_names = id.map(uri).unwrap_or_default();
        })
    };
    let (alice, workload) = (client(None), client(Some("spiffe://example.org/web")));
    let fingerprint = hexadecimal(&sha256(alice.certificate.der()));
    let spaced: Vec<String> =
        fingerprint.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase()).collect();
    for (line, denies_alice, denies_workload) in [
        ("0aff12".to_owned(), true, true),
        ("AFF12".to_owned(), true, true),
        ("0A:FF:12 # stolen laptop".to_owned(), true, true),
        ("serial: 0aff12".to_owned(), true, true),
        (fingerprint.clone(), true, false),
        (spaced.join(":"), true, false),
        (format!("sha256:{fingerprint}"), true, false),
        ("alice".to_owned(), true, false),
        ("name: alice\r".to_owned(), true, false),
        ("\u{feff}alice".to_owned(), true, false),
        (r"CORP\alice".to_owned(), false, false),
        ("spiffe://example.org/web".to_owned(), false, true),
        ("# alice".to_owned(), false, false),
        ("bob\n0aff13\nALICE".to_owned(), false, false),
    ] {
        let mut files = Fixture::with_deny_list(&line);
        files.files.client_ca = pki.write("ca.pem", &pki.authority_pem(), 0o644).into();
        let loaded = files.load();
        for (who, denied) in [(&alice, denies_alice), (&workload, denies_workload)] {
            let judgement = judge(&loaded, who);
            assert_eq!(judgement.is_err(), denied, "{line}: {judgement:?}");
            if denied {
                assert_eq!(alert(judgement), AlertDescription::CertificateRevoked);
            }
        }
    }
}

#[test]
fn only_ids_of_our_trust_domains() {
    let mut files = Fixture::new();
    files.files.spiffe_trust_domains = ["example.org".to_owned()].into();
    let loaded = files.load();
    let client = |id: &str| files.pki.issue(|params| params.subject_alt_names = uri(id));
    judge(&loaded, &client("spiffe://example.org/web")).unwrap();
    for other in ["spiffe://example.com/web", "spiffe://sub.example.org/web", "https://example.org/web"] {
        let refused = judge(&loaded, &client(other));
        assert_eq!(alert(refused), AlertDescription::AccessDenied, "{other}");
    }
    let nameless = judge(&loaded, &files.pki.issue(|_| {}));
    assert_eq!(alert(nameless), AlertDescription::AccessDenied);
}

#[test]
fn an_id_that_does_not_follow_the_standard_is_refused() {
    let files = Fixture::new();
    let loaded = files.load();
    for odd in ["spiffe://Example.org/web", "spiffe://example.org/a//b", "spiffe://example.org/web/"] {
        let refused = judge(&loaded, &files.pki.issue(|params| params.subject_alt_names = uri(odd)));
        assert_eq!(alert(refused), AlertDescription::CertificateUnknown, "{odd}");
    }
}

#[test]
fn certificates_for_other_purposes_are_told_so() {
    let files = Fixture::new();
    let loaded = files.load();
    for usages in [vec![], vec![ExtendedKeyUsagePurpose::ServerAuth]] {
        let refused = judge(&loaded, &files.pki.issue(|params| params.extended_key_usages = usages));
        assert_eq!(alert(refused), AlertDescription::UnsupportedCertificate);
    }
    let authority = files.pki.issue(|params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    judge(&loaded, &authority).unwrap_err();
}

#[test]
fn a_chain_with_an_authority_in_between_is_followed_and_looked_up_whole() {
    let mut files = Fixture::new();
    let between = files.pki.authority.intermediate("between");
    let client = between.issue(with_serial(3));
    let whole = [client.certificate.der().clone(), between.der()];
    let now = SystemTime::now();
    let loaded = files.load();
    judge_at(&loaded, &whole, now).unwrap();
    let refused = judge_at(&loaded, &whole[..1], now);
    assert_eq!(alert(refused), AlertDescription::UnknownCA, "the link is missing");

    // A list of the one above alone does not tell of those below.
    let above = files.pki.authority.crl(&[]).pem().unwrap();
    files.files.client_crl = vec![files.write("above.crl", &above)];
    let refused = judge_at(&files.load(), &whole, now).unwrap_err();
    assert!(refused.to_string().starts_with("no list in tls.client_crl speaks"), "{refused}");
    let below = between.crl(&[4]).pem().unwrap();
    files.files.client_crl.push(files.write("below.crl", &below));
    judge_at(&files.load(), &whole, now).unwrap();
    files.write("below.crl", &between.crl(&[3]).pem().unwrap());
    assert_eq!(alert(judge_at(&files.load(), &whole, now)), AlertDescription::CertificateRevoked);

    // And who denies the one in between denies all that it vouched for.
    let fingerprint = format!("sha256:{}", hexadecimal(&sha256(&between.der())));
    files.files.client_crl.clear();
    files.files.deny_list = Some(files.write("denied", &fingerprint));
    assert_eq!(alert(judge_at(&files.load(), &whole, now)), AlertDescription::CertificateRevoked);
}

#[test]
fn during_a_rotation_the_old_and_the_new_authority_count() {
    let files = Fixture::new();
    let new = Authority::root("new authority");
    files.write("ca.pem", &format!("{}{}", files.pki.authority_pem(), new.pem()));
    let mut loaded = files.load();
    let (old_client, new_client) = (files.pki.issue(|_| {}), new.issue(|_| {}));
    judge(&loaded, &old_client).unwrap();
    judge(&loaded, &new_client).unwrap();
    files.write("ca.pem", &new.pem());
    loaded.take_all().into_iter().for_each(|taken| drop(taken.unwrap()));
    assert_eq!(alert(judge(&loaded, &old_client)), AlertDescription::UnknownCA);
    judge(&loaded, &new_client).unwrap();
}

#[test]
fn time_decides() {
    let files = Fixture::new();
    let loaded = files.load();
    let now = SystemTime::now();
    let at = |time: SystemTime| rcgen::date_time_ymd(1970, 1, 1) + time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let client = |begins: SystemTime, ends: SystemTime| {
        files.pki.issue(|params| {
            params.not_before = at(begins);
            params.not_after = at(ends);
        })
    };
    let expired = judge(&loaded, &client(now - HOUR * 2, now - HOUR));
    assert!(expired.as_ref().unwrap_err().principal().is_none(), "its signature was not looked at");
    assert_eq!(alert(expired), AlertDescription::CertificateExpired);
    let early = judge(&loaded, &client(now + HOUR, now + HOUR * 2));
    assert_eq!(early.as_ref().unwrap_err().to_string(), "the certificate is not valid yet");
    assert_eq!(alert(early), AlertDescription::CertificateExpired);
    let short = client(now - HOUR, now + HOUR);
    let chain = [short.certificate.der().clone()];
    let until = judge_at(&loaded, &chain, now).unwrap().until;
    assert!(until > now + HOUR - Duration::from_secs(2) && until < now + HOUR + Duration::from_secs(2));
    judge_at(&loaded, &chain, until).unwrap_err();
    judge_at(&loaded, &chain, until - Duration::from_secs(2)).unwrap();
}

#[test]
fn an_authority_that_has_ended_vouches_for_nobody() {
    let mut files = Fixture::new();
    let old = Authority::root_with("old authority", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    files.files.client_ca = files.write("ca.pem", &old.pem());
    let loaded = files.load();
    assert_eq!(alert(judge(&loaded, &old.issue(|_| {}))), AlertDescription::UnknownCA);
    let warnings = loaded.certificates.status(0).warnings;
    let wanted = "an authority of tls.client_ca ca.pem has ended: 2020-01-01T00:00:00Z";
    assert_eq!(files.without_folder(&warnings[0]), wanted);
}

#[test]
fn an_authority_that_is_denied_vouches_for_nobody() {
    let mut files = Fixture::with_deny_list("");
    let other = Authority::root("another authority");
    files.files.client_ca = files.write("ca.pem", &format!("{}{}", files.pki.authority_pem(), other.pem()));
    let (ours, theirs) = (files.pki.issue(|_| {}), other.issue(|_| {}));
    let mut loaded = files.load();
    judge(&loaded, &theirs).unwrap();
    let der = files.pki.authority_der();
    let serial = X509Certificate::from_der(&der).unwrap().1.raw_serial_as_string();
    for line in [format!("sha256:{}", hexadecimal(&sha256(&der))), format!("serial:{serial}")] {
        files.write("denied", &line);
        loaded.take_all().into_iter().for_each(|taken| drop(taken.unwrap()));
        assert_eq!(alert(judge(&loaded, &ours)), AlertDescription::UnknownCA, "{line}");
        judge(&loaded, &theirs).unwrap();
        let warnings = loaded.certificates.status(0).warnings;
        let wanted = "an authority of tls.client_ca ca.pem is on tls.deny_list (";
        assert!(files.without_folder(&warnings[0]).starts_with(wanted), "{warnings:?}");
        assert!(loaded.certificates.in_force().trust.is_current(SystemTime::now()));
    }
    files.write("denied", "");
    loaded.take_all().into_iter().for_each(|taken| drop(taken.unwrap()));
    judge(&loaded, &ours).unwrap();
}
