//! Several revocation lists of one authority: only the newest counts.

use std::time::{Duration, SystemTime};

use rcgen::SerialNumber;

use super::Fixture;
use crate::pki::HOUR;

const SECOND: Duration = Duration::from_secs(1);

/// Which of the serial numbers 7 and 8 are let in.
fn let_in(files: &Fixture) -> [bool; 2] {
    let in_force = files.load().certificates.in_force();
    [7u64, 8].map(|serial| {
        let client = files.pki.issue(|params| params.serial_number = Some(SerialNumber::from(serial)));
        let chain = [client.certificate.der().clone()];
        in_force.trust.examine(&chain, "192.0.2.1:1".parse().unwrap(), SystemTime::now()).is_ok()
    })
}

#[test]
fn of_two_lists_of_one_authority_the_newer_counts_in_whichever_order_they_are() {
    let mut files = Fixture::new();
    let now = SystemTime::now();
    let list = |serials: &[u64], number, begins| {
        files.pki.authority.crl_numbered(serials, number, begins, now + HOUR).pem().unwrap()
    };
    // 7 was revoked by mistake, and no longer is.
    for (old, new) in [
        (list(&[7], 1, now - HOUR), list(&[8], 2, now - HOUR / 2)),
        (list(&[7], 255, now - HOUR), list(&[8], 256, now - HOUR)),
        (list(&[7], 1, now - HOUR), list(&[8], 1, now - HOUR / 2)),
    ] {
        for (one, other) in [(&old, &new), (&new, &old)] {
            let both = files.write("both.crl", &format!("{one}{other}"));
            let (one, other) = (files.write("one.crl", one), files.write("other.crl", other));
            for paths in [vec![both], vec![one, other]] {
                files.files.client_crl = paths;
                assert_eq!(let_in(&files), [true, false], "{:?}", files.files.client_crl);
                let status = files.load().certificates.status(0);
                assert_eq!(status.revoked, 1);
                assert!(status.warnings[0].contains("there is a newer one of the same issuer"), "{status:?}");
            }
        }
    }
}

#[test]
fn lists_of_which_none_is_clearly_the_newer_are_refused_and_copies_are_not() {
    let mut files = Fixture::new();
    let now = SystemTime::now();
    let list = |serials: &[u64], number, begins| {
        files.pki.authority.crl_numbered(serials, number, begins, now + HOUR).pem().unwrap()
    };
    let one = list(&[7], 2, now - HOUR);
    for other in [list(&[8], 2, now - HOUR), list(&[8], 1, now - HOUR + SECOND)] {
        files.files.client_crl = vec![files.write("one.crl", &one), files.write("other.crl", &other)];
        let problem = files.problem();
        assert!(problem.starts_with("tls.client_crl other.crl: it holds a list of the same issuer"), "{problem}");
        assert!(problem.contains("one.crl") && problem.ends_with("remove the older one"), "{problem}");
    }
    files.write("other.crl", &one);
    assert_eq!(let_in(&files), [false, true]);
    assert!(files.load().certificates.status(0).warnings.is_empty());
}
