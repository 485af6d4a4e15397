//! Certificates that are no longer good before their time, and the list that says so.

use std::{fmt, time::SystemTime};

use rcgen::RevocationReason;

/// Why a certificate is revoked (RFC 5280, section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Not told.
    Unspecified,
    /// Somebody else may have the key.
    KeyCompromise,
    /// Its holder is somebody else now, or elsewhere.
    AffiliationChanged,
    /// Another one took its place.
    Superseded,
    /// What it was for is no more.
    CessationOfOperation,
    /// Its holder may no longer do what it says.
    PrivilegeWithdrawn,
}

impl Reason {
    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key-compromise",
            Self::AffiliationChanged => "affiliation-changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation-of-operation",
            Self::PrivilegeWithdrawn => "privilege-withdrawn",
        }
    }

    /// RFC 5280 wants no reason where there is none to tell.
    pub(super) fn code(self) -> Option<RevocationReason> {
        match self {
            Self::Unspecified => None,
            Self::KeyCompromise => Some(RevocationReason::KeyCompromise),
            Self::AffiliationChanged => Some(RevocationReason::AffiliationChanged),
            Self::Superseded => Some(RevocationReason::Superseded),
            Self::CessationOfOperation => Some(RevocationReason::CessationOfOperation),
            Self::PrivilegeWithdrawn => Some(RevocationReason::PrivilegeWithdrawn),
        }
    }

    /// Of a list that may be another tool's.
    pub(super) fn from_code(code: u8) -> Self {
        match code {
            // A compromised authority is a compromised key, too.
            1 | 2 | 10 => Self::KeyCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            9 => Self::PrivilegeWithdrawn,
            _ => Self::Unspecified,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number, highest byte first.
    pub serial: Vec<u8>,
    /// Since when; whole seconds.
    pub at: SystemTime,
    /// Why.
    pub reason: Reason,
}

/// What a revocation list shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// Rises with each list.
    pub number: u64,
    /// When it is made; whole seconds.
    pub this_update: SystemTime,
    /// When there will be another one; past it, this one is worth nothing.
    pub next_update: SystemTime,
    /// Which are revoked.
    pub revoked: Vec<Revoked>,
}
