//! UpdateProcess.

mod in_words;
mod limits;
mod mask;

use procwire_host::control::{Setting, Threads};
use procwire_proto::v1::{IoClass, IoPriority, ProcessRef, ProcessSettings, UpdateProcessRequest};

pub(crate) use self::in_words::value_in_words;
use self::mask::Path;
use crate::{services::request, status::Failure};

/// Above what any kernel can be built for. Which processors there are is for the host to say.
const PROCESSORS_MAX: u32 = 1 << 19;

/// A process to be changed, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Update {
    /// Given by the caller, or made.
    pub(crate) request_id: String,
    pub(crate) reason: String,
    pub(crate) dry_run: bool,
    pub(crate) target: ProcessRef,
    /// In the order of the mask, each once.
    pub(crate) settings: Vec<Setting>,
    pub(crate) threads: Threads,
}

impl Update {
    pub(crate) fn parse(request: &UpdateProcessRequest) -> Result<Self, Failure> {
        let UpdateProcessRequest { request_id, reason, dry_run, r#ref, settings, update_mask, all_threads } = request;
        let target = r#ref.clone();
        let target = target.ok_or_else(|| Failure::invalid("ref", "is missing: name the process by its whole ref"))?;
        request::reference("ref", &target)?;
        let paths = mask::parse(update_mask.as_ref())?;
        let none = ProcessSettings::default();
        let given = settings.as_ref().unwrap_or(&none);
        let settings = paths.into_iter().map(|path| setting(path, given)).collect::<Result<_, _>>()?;
        let request_id = super::request_id(request_id)?;
        let reason = super::reason(reason)?;
        let threads = if *all_threads { Threads::All } else { Threads::Main };
        Ok(Self { request_id, reason, dry_run: *dry_run, target, settings, threads })
    }

    /// The paths that are to be changed, as the mask has them.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.settings.iter().map(|setting| setting.path().to_owned()).collect()
    }

    /// The processors that are asked for by number.
    pub(crate) fn processors<'a>(&'a self) -> &'a [u32] {
        let of = |setting: &'a Setting| match setting {
            Setting::CpuAffinity(processors) => Some(processors.as_slice()),
            _ => None,
        };
        self.settings.iter().find_map(of).unwrap_or_default()
    }
}

fn setting(path: Path, given: &ProcessSettings) -> Result<Setting, Failure> {
    let ProcessSettings { nice, io_priority, cpu_affinity, resource_limits, oom_score_adjustment } = given;
    match path {
        Path::Nice => ranged("settings.nice", *nice, -20, 19).map(Setting::Nice),
        Path::IoPriority => parse_io_priority(io_priority.as_ref()),
        Path::CpuAffinity => parse_processors(cpu_affinity),
        Path::ResourceLimits => limits::parse(resource_limits).map(Setting::ResourceLimits),
        Path::OomScoreAdjustment => {
            let adjustment = ranged("settings.oom_score_adjustment", *oom_score_adjustment, -1000, 1000);
            adjustment.map(Setting::OomScoreAdjustment)
        }
    }
}

fn ranged(path: &str, value: Option<i32>, least: i32, most: i32) -> Result<i32, Failure> {
    match value {
        Some(value) if (least..=most).contains(&value) => Ok(value),
        Some(value) => Err(Failure::invalid(path, format!("is {value}; it must be between {least} and {most}"))),
        None => Err(unset(path)),
    }
}

fn unset(path: &str) -> Failure {
    Failure::invalid(path, "is not set, and update_mask names it")
}

fn parse_io_priority(given: Option<&IoPriority>) -> Result<Setting, Failure> {
    let Some(IoPriority { io_class, level }) = given else { return Err(unset("settings.io_priority")) };
    let path = "settings.io_priority.io_class";
    let class = match IoClass::try_from(*io_class) {
        Ok(IoClass::Unspecified) => {
            return Err(Failure::invalid(path, "is missing: none, realtime, best effort and idle are classes"));
        }
        Ok(class) => class,
        Err(_) => return Err(super::unknown_number(path, *io_class)),
    };
    let path = "settings.io_priority.level";
    match (class, u8::try_from(*level)) {
        (IoClass::None | IoClass::Idle, Ok(1..)) => {
            Err(Failure::invalid(path, format!("is {level}; the classes none and idle have no levels but 0")))
        }
        (_, Ok(level @ 0..=7)) => Ok(Setting::IoPriority(class, level)),
        _ => Err(Failure::invalid(path, format!("is {level}; it must be between 0 and 7"))),
    }
}

/// One that is named twice is named; nothing else can be meant.
fn parse_processors(given: &[u32]) -> Result<Setting, Failure> {
    if let Some(index) = given.iter().position(|processor| *processor >= PROCESSORS_MAX) {
        let number = given.get(index).copied().unwrap_or_default();
        let problem = format!("is {number}; no machine has a processor of that number");
        return Err(Failure::invalid(format!("settings.cpu_affinity[{index}]"), problem));
    }
    Ok(Setting::CpuAffinity(given.to_vec()))
}

#[cfg(test)]
mod tests;
