//! Settings in words, for the audit record.

use std::fmt;

use procwire_host::control::{LimitChange, Setting, Threads};
use procwire_proto::v1::{LimitValue, ProcessSettings, Unlimited, limit_value::Value};

use super::Update;

/// Of a list of processors so many are named.
const PROCESSORS_NAMED: usize = 32;

impl fmt::Display for Update {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = match self.threads {
            Threads::Main => "main",
            Threads::All => "all",
        };
        write!(formatter, "threads={threads}")?;
        self.settings.iter().try_for_each(|setting| write!(formatter, " {}={}", setting.path(), in_words(setting)))
    }
}

fn in_words(setting: &Setting) -> String {
    match setting {
        Setting::Nice(number) | Setting::OomScoreAdjustment(number) => number.to_string(),
        Setting::IoPriority(class, level) => format!("{}:{level}", class.as_words()),
        Setting::CpuAffinity(processors) if processors.is_empty() => "all".to_owned(),
        Setting::CpuAffinity(numbers) => processors(numbers),
        Setting::ResourceLimits(changes) => changes.iter().map(limit).collect::<Vec<_>>().join(","),
    }
}

/// "NOFILE:1024/4096", with "-" for what is left as it is.
fn limit(change: &LimitChange) -> String {
    let LimitChange { kind, soft, hard } = change;
    let part = |value: &Option<u64>| match value {
        None => "-".to_owned(),
        Some(u64::MAX) => "unlimited".to_owned(),
        Some(value) => value.to_string(),
    };
    format!("{}:{}/{}", kind.as_code(), part(soft), part(hard))
}

fn processors(numbers: &[u32]) -> String {
    let named: Vec<_> = numbers.iter().take(PROCESSORS_NAMED).map(ToString::to_string).collect();
    let rest = if numbers.len() > PROCESSORS_NAMED { format!(",... {} in all", numbers.len()) } else { String::new() };
    format!("{}{rest}", named.join(","))
}

/// One of the settings that the kernel told, as the audit record has it.
pub(crate) fn value_in_words(settings: &ProcessSettings, path: &str) -> String {
    let ProcessSettings { nice, io_priority, cpu_affinity, resource_limits, oom_score_adjustment } = settings;
    let number = |number: Option<i32>| number.map(|number| number.to_string());
    let words = match path {
        "nice" => number(*nice),
        "io_priority" => {
            io_priority.as_ref().map(|priority| format!("{}:{}", priority.io_class().as_words(), priority.level))
        }
        "cpu_affinity" => Some(processors(cpu_affinity)),
        "resource_limits" => {
            let parts = resource_limits.iter().map(|limit| {
                let (soft, hard) = (value(limit.soft.as_ref()), value(limit.hard.as_ref()));
                format!("{}:{soft}/{hard}", limit.resource().as_code())
            });
            Some(parts.collect::<Vec<_>>().join(","))
        }
        "oom_score_adjustment" => number(*oom_score_adjustment),
        _ => None,
    };
    words.unwrap_or_else(|| "?".to_owned())
}

fn value(limit: Option<&LimitValue>) -> String {
    match limit.and_then(|limit| limit.value.as_ref()) {
        Some(Value::Limit(limit)) => limit.to_string(),
        Some(Value::Unlimited(Unlimited {})) => "unlimited".to_owned(),
        None => "?".to_owned(),
    }
}
