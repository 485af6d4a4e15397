//! What the agent shows and whom it trusts, from files that are fine, garbled, open to others, or change.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod files;
mod judgement;
mod lists;
mod reloading;

use std::{collections::BTreeSet, path::PathBuf};

use super::{Certificates, certificates::Loaded};
use crate::{
    config::TlsFiles,
    pki::{Identity, Pki},
    reload::Files,
};

/// The files of an agent, with their authority.
struct Fixture {
    pki: Pki,
    files: TlsFiles,
}

impl Fixture {
    fn new() -> Fixture {
        let pki = Pki::new();
        let agent = pki.agent();
        let certificate = pki.write("agent.pem", &agent.certificate.pem(), 0o644).into();
        let key = pki.write("agent.key", &agent.key.serialize_pem(), 0o600).into();
        let client_ca = pki.write("ca.pem", &pki.authority_pem(), 0o644).into();
        let (client_crl, deny_list, spiffe_trust_domains) = (Vec::new(), None, BTreeSet::new());
        let files = TlsFiles { certificate, key, client_ca, client_crl, deny_list, spiffe_trust_domains };
        Fixture { pki, files }
    }

    fn with_crl(text: &str) -> Fixture {
        let mut fixture = Fixture::new();
        fixture.files.client_crl = vec![fixture.write("ca.crl", text)];
        fixture
    }

    fn with_deny_list(text: &str) -> Fixture {
        let mut fixture = Fixture::new();
        fixture.files.deny_list = Some(fixture.write("denied", text));
        fixture
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        self.pki.write(name, text, 0o600).into()
    }

    fn write_agent(&self, agent: &Identity) {
        self.write("agent.pem", &agent.certificate.pem());
        self.write("agent.key", &agent.key.serialize_pem());
    }

    fn load(&self) -> Loaded {
        Certificates::load(&self.files).unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn problem(&self) -> String {
        let text = Certificates::load(&self.files).err().unwrap().to_string();
        self.without_folder(&text)
    }

    fn without_folder(&self, text: &str) -> String {
        text.replace(&self.pki.path("").display().to_string(), "")
    }
}

impl Loaded {
    /// Takes what all files hold now into force, as the thread that looks at them does.
    fn take_all(&mut self) -> Vec<Result<String, String>> {
        self.parts.iter_mut().map(|(part, _)| part.take(&Files::read(&part.paths()))).collect()
    }
}
