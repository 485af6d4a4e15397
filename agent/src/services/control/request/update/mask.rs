//! The update mask of UpdateProcess: which settings are to be changed.

use procwire_host::control::Setting;
use procwire_proto::{FieldMask, escape, v1::ErrorReason};

use crate::status::Failure;

/// Of an unknown path so much is repeated.
const REPEATED_BYTES: usize = 64;

/// A setting that can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    Nice,
    IoPriority,
    CpuAffinity,
    ResourceLimits,
    OomScoreAdjustment,
}

impl Path {
    /// In the order of [`Setting::PATHS`].
    const ALL: [Self; 5] =
        [Self::Nice, Self::IoPriority, Self::CpuAffinity, Self::ResourceLimits, Self::OomScoreAdjustment];
}

/// At least one, each once, in the order of the mask, which is the order in which they are changed.
pub(super) fn parse(mask: Option<&FieldMask>) -> Result<Vec<Path>, Failure> {
    let given = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
    if given.is_empty() {
        let problem = format!("is empty: name what is to be changed, of {}", Setting::PATHS.join(", "));
        return Err(Failure::invalid("update_mask", problem));
    }
    let mut paths = Vec::new();
    for (index, name) in given.iter().enumerate() {
        let known = Path::ALL.into_iter().zip(Setting::PATHS).find(|(_, path)| path == name);
        let Some((path, _)) = known else { return Err(unknown(index, name)) };
        if let Some(first) = paths.iter().position(|earlier| *earlier == path) {
            let problem = format!("repeats update_mask.paths[{first}]");
            return Err(Failure::invalid(format!("update_mask.paths[{index}]"), problem));
        }
        paths.push(path);
    }
    Ok(paths)
}

fn unknown(index: usize, name: &str) -> Failure {
    let beginning = name.get(..name.floor_char_boundary(REPEATED_BYTES)).unwrap_or(name);
    let beginning = escape::terminal(beginning.as_bytes());
    let path = format!("update_mask.paths[{index}]");
    let problem =
        format!("is \"{beginning}\", which is no setting; {} are, each as a whole", Setting::PATHS.join(", "));
    Failure::new(ErrorReason::UnknownField, format!("{path} {problem}")).with_field(path, problem)
}
