//! Identities of agents and clients that are started together, each in a folder of its own: `ca.crt`, `tls.crt` and `tls.key`, named as
//! Kubernetes names them, and for an agent `health.crt` and `health.key`, the caller of its health check. What is there and good stays.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{AgentProfile, Authority, ClientProfile, Issued, PkiError, Role, certificate::Certificate, check_name};
use crate::private_file::{self, Existing};

/// Where identities go, and whose they are.
#[derive(Clone, Debug)]
pub struct Provision {
    /// The folder in which each identity has its own.
    pub into: PathBuf,
    /// User and group that the keys are for; without it, whoever makes them.
    pub owner: Option<(u32, u32)>,
    /// A certificate that ends within this time is made anew.
    pub renew_within: Duration,
}

/// An identity that is in its place now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisioned {
    /// Its certificate.
    pub certificate: PathBuf,
    /// What was there before.
    pub found: Found,
}

/// What was found where an identity was to be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// One that is good; it was left alone.
    Good,
    /// Nothing.
    Nothing,
    /// One of another authority, for another name or role, that ends soon, or that is none.
    Unfit,
}

impl Provision {
    /// The identity of an agent and that of its health check, which is a reader.
    pub fn agent(&self, authority: &Authority, profile: &AgentProfile) -> Result<Vec<Provisioned>, PkiError> {
        let health =
            ClientProfile { name: format!("health@{}", profile.name), role: Role::Reader, validity: profile.validity };
        check_name(&health.name)?;
        let wanted_agent = |certificate: &Certificate| certificate.is_of_agent(profile);
        let wanted_health = |certificate: &Certificate| certificate.is_of_client(&health);
        self.folder(
            authority,
            &profile.name,
            &[
                ("tls", &wanted_agent, &|| authority.issue_agent(profile)),
                ("health", &wanted_health, &|| authority.issue_client(&health)),
            ],
        )
    }

    /// The identity of a client.
    pub fn client(&self, authority: &Authority, profile: &ClientProfile) -> Result<Vec<Provisioned>, PkiError> {
        let wanted = |certificate: &Certificate| certificate.is_of_client(profile);
        self.folder(authority, &profile.name, &[("tls", &wanted, &|| authority.issue_client(profile))])
    }

    fn folder(&self, authority: &Authority, name: &str, pairs: &[Pair<'_>]) -> Result<Vec<Provisioned>, PkiError> {
        check_name(name)?;
        let folder = self.into.join(name);
        make_folder(&folder)?;
        let trusted = folder.join("ca.crt");
        let is_of_authority =
            fs::read_to_string(&trusted).is_ok_and(|certificate| certificate == authority.certificate_pem());
        let mut provisioned = Vec::with_capacity(pairs.len());
        for (stem, is_wanted, issue) in pairs {
            let certificate = folder.join(format!("{stem}.crt"));
            let found = match fs::read_to_string(&certificate) {
                Err(_) => Found::Nothing,
                Ok(pem) if is_of_authority && self.is_good(&pem, is_wanted) => Found::Good,
                Ok(_) => Found::Unfit,
            };
            if found != Found::Good {
                self.put(&certificate, &folder.join(format!("{stem}.key")), &issue()?)?;
            }
            provisioned.push(Provisioned { certificate, found });
        }
        // Last: if this is interrupted, the next run makes everything anew.
        private_file::write_for_everybody(&trusted, authority.certificate_pem().as_bytes())
            .map_err(io_error("write", &trusted))?;
        Ok(provisioned)
    }

    fn is_good(&self, pem: &str, is_wanted: &dyn Fn(&Certificate) -> bool) -> bool {
        let soon = SystemTime::now() + self.renew_within;
        Certificate::parse(pem).is_some_and(|certificate| is_wanted(&certificate) && certificate.not_after > soon)
    }

    /// The certificate goes first and comes last: where there is one, its key is beside it.
    fn put(&self, certificate: &Path, key: &Path, issued: &Issued) -> Result<(), PkiError> {
        match fs::remove_file(certificate) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("remove", certificate)(error));
            }
            _ => {}
        }
        private_file::write(key, issued.key_pem.as_bytes(), Existing::Replace).map_err(io_error("write", key))?;
        if let Some((user, group)) = self.owner {
            chown(key, Some(user), Some(group)).map_err(io_error("give to its user", key))?;
        }
        private_file::write_for_everybody(certificate, issued.certificate_pem.as_bytes())
            .map_err(io_error("write", certificate))
    }
}

/// The name of its files, whether a certificate is what is wanted, and how to get one.
type Pair<'a> = (&'a str, &'a dyn Fn(&Certificate) -> bool, &'a dyn Fn() -> Result<Issued, PkiError>);

/// For everybody to look into, so that the user of the key reaches it; it stays the maker's, so that this user cannot replace what is in
/// it.
fn make_folder(path: &Path) -> Result<(), PkiError> {
    fs::create_dir_all(path).map_err(io_error("make directory", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(io_error("set the mode of", path))
}

fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PkiError {
    move |source| PkiError::Io { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
