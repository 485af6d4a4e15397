//! The files of TLS in four parts that change on their own: a revocation takes effect even while a certificate cannot be read.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use rustls::crypto::CryptoProvider;

use super::{
    Certificates, TlsError, authorities::Authorities, certificates::Change, deny_list::DenyList, own::OwnIdentity,
    pem::Source, revocation::RevocationLists,
};
use crate::{
    config::TlsFiles,
    reload::{Files, FromFiles, WatchedFile},
};

/// Files that only make sense together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Own,
    Authorities,
    RevocationLists,
    DenyList,
}

/// What was read at first, by part.
pub(super) struct PartFiles([Files; Part::ALL.len()]);

struct Reloading {
    part: Part,
    paths: Vec<PathBuf>,
    certificates: Arc<Certificates>,
}

impl Part {
    pub(super) const ALL: [Part; 4] = [Part::Own, Part::Authorities, Part::RevocationLists, Part::DenyList];

    pub(super) fn read_all(files: &TlsFiles) -> PartFiles {
        PartFiles(Part::ALL.map(|part| Files::read(&part.paths(files))))
    }

    fn paths(self, files: &TlsFiles) -> Vec<PathBuf> {
        match self {
            Part::Own => vec![files.certificate.clone(), files.key.clone()],
            Part::Authorities => vec![files.client_ca.clone()],
            Part::RevocationLists => files.client_crl.clone(),
            Part::DenyList => files.deny_list.iter().cloned().collect(),
        }
    }

    pub(super) fn own(files: &Files, provider: &CryptoProvider) -> Result<OwnIdentity, TlsError> {
        let mut files = files.iter();
        match (files.next(), files.next()) {
            (Some(certificate), Some(key)) => {
                OwnIdentity::read(source("tls.certificate", certificate), source("tls.key", key), provider)
            }
            _ => Err(nothing_to_read("tls.certificate")),
        }
    }

    pub(super) fn authorities(files: &Files) -> Result<Authorities, TlsError> {
        let bundle = files.iter().next().ok_or_else(|| nothing_to_read("tls.client_ca"))?;
        Authorities::read(source("tls.client_ca", bundle))
    }

    pub(super) fn revocation_lists(files: &Files) -> Result<RevocationLists, TlsError> {
        RevocationLists::read(files.iter().map(|file| source("tls.client_crl", file)))
    }

    pub(super) fn deny_list(files: &Files) -> Result<DenyList, TlsError> {
        files
            .iter()
            .next()
            .map_or_else(|| Ok(DenyList::default()), |file| DenyList::read(source("tls.deny_list", file)))
    }
}

fn source<'a>(role: &'static str, file: &'a WatchedFile) -> Source<'a> {
    Source { role, file }
}

/// A part is always made with the files that it needs.
fn nothing_to_read(role: &'static str) -> TlsError {
    TlsError::Garbled { role, path: PathBuf::new(), problem: "no file".to_owned() }
}

impl PartFiles {
    pub(super) fn of(&self, part: Part) -> &Files {
        let [own, authorities, lists, deny_list] = &self.0;
        match part {
            Part::Own => own,
            Part::Authorities => authorities,
            Part::RevocationLists => lists,
            Part::DenyList => deny_list,
        }
    }

    /// What looks after each, with what it was made from.
    pub(super) fn into_parts(
        self,
        files: &TlsFiles,
        certificates: &Arc<Certificates>,
    ) -> Vec<(Box<dyn FromFiles>, Files)> {
        Part::ALL
            .into_iter()
            .zip(self.0)
            .map(|(part, read)| {
                let certificates = Arc::clone(certificates);
                let reloading = Reloading { part, paths: part.paths(files), certificates };
                (Box::new(reloading) as Box<dyn FromFiles>, read)
            })
            .collect()
    }
}

impl Reloading {
    fn read(&self, files: &Files) -> Result<(Change, String), String> {
        let in_words = |error: TlsError| error.to_string();
        let in_force = self.certificates.in_force();
        match self.part {
            Part::Own => {
                let own = Part::own(files, in_force.provider()).map_err(in_words)?;
                let words = format!("serial {}, until {}", own.serial, own.validity.end_text());
                Ok((Change::Own(own), words))
            }
            Part::Authorities => {
                let authorities = Arc::new(Part::authorities(files).map_err(in_words)?);
                let words = format!("{} authorities", authorities.len());
                Ok((Change::rules(move |rules| rules.authorities = authorities), words))
            }
            Part::RevocationLists => {
                let lists = Part::revocation_lists(files).map_err(in_words)?;
                if let Some(problem) = in_force.rules().lists.problem_with(&lists, SystemTime::now()) {
                    return Err(problem);
                }
                let words = format!("{} revoked", lists.revoked());
                let lists = Arc::new(lists);
                Ok((Change::rules(move |rules| rules.lists = lists), words))
            }
            Part::DenyList => {
                let deny_list = Arc::new(Part::deny_list(files).map_err(in_words)?);
                let words = format!("{} entries", deny_list.len());
                Ok((Change::rules(move |rules| rules.deny_list = deny_list), words))
            }
        }
    }
}

impl FromFiles for Reloading {
    fn what(&self) -> &'static str {
        match self.part {
            Part::Own => "the agent's certificate",
            Part::Authorities => "client authorities",
            Part::RevocationLists => "revocation lists",
            Part::DenyList => "deny list",
        }
    }

    fn paths(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }

    fn take(&mut self, files: &Files) -> Result<String, String> {
        let (change, words) = self.read(files)?;
        self.certificates.take(change)?;
        Ok(words)
    }

    /// A list that was cut to be written anew is one that refuses fewer. A revocation list that was cut is none, and authorities that
    /// are missing let nobody in.
    fn may_be_half(&self, files: &Files) -> bool {
        let refuses_less = |list: DenyList| !list.covers(&self.certificates.in_force().rules().deny_list);
        self.part == Part::DenyList && Part::deny_list(files).is_ok_and(refuses_less)
    }

    fn told(&mut self, problem: Option<&str>) {
        self.certificates.set_problem(self.part, problem);
    }
}
