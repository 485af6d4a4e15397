//! Resource limits that are to be changed.

use std::collections::HashMap;

use procwire_host::control::LimitChange;
use procwire_proto::v1::{LimitValue, ResourceKind, ResourceLimit, Unlimited, limit_value::Value};

use crate::{services::control::request::unknown_number, status::Failure};

/// At least one, each resource once, soft not above hard where both are given.
pub(super) fn parse(given: &[ResourceLimit]) -> Result<Vec<LimitChange>, Failure> {
    if given.is_empty() {
        return Err(Failure::invalid("settings.resource_limits", "is empty, and update_mask names it"));
    }
    let mut places = HashMap::new();
    let mut changes = Vec::new();
    for (index, ResourceLimit { resource, soft, hard }) in given.iter().enumerate() {
        let path = format!("settings.resource_limits[{index}]");
        let kind = parse_kind(&format!("{path}.resource"), *resource)?;
        if let Some(first) = places.insert(kind, index) {
            let problem = format!("repeats the one of settings.resource_limits[{first}]");
            return Err(Failure::invalid(format!("{path}.resource"), problem));
        }
        let soft = parse_value(&format!("{path}.soft"), soft.as_ref())?;
        let hard = parse_value(&format!("{path}.hard"), hard.as_ref())?;
        match (soft, hard) {
            (None, None) => {
                return Err(Failure::invalid(path, "has neither soft nor hard: there is nothing to change"));
            }
            (Some(soft), Some(hard)) if soft > hard => {
                let words = if soft == u64::MAX { "unlimited".to_owned() } else { soft.to_string() };
                let problem = format!("is {words}, above hard, which is {hard}");
                return Err(Failure::invalid(format!("{path}.soft"), problem));
            }
            _ => changes.push(LimitChange { kind, soft, hard }),
        }
    }
    Ok(changes)
}

fn parse_kind(path: &str, number: i32) -> Result<ResourceKind, Failure> {
    match ResourceKind::try_from(number) {
        Ok(ResourceKind::Unspecified) => Err(Failure::invalid(path, "is missing: say which limit")),
        Ok(kind) => Ok(kind),
        Err(_) => Err(unknown_number(path, number)),
    }
}

/// As the kernel has it, to whom the highest number is no limit.
fn parse_value(path: &str, given: Option<&LimitValue>) -> Result<Option<u64>, Failure> {
    let Some(LimitValue { value }) = given else { return Ok(None) };
    match value {
        Some(Value::Limit(u64::MAX)) => {
            Err(Failure::invalid(path, format!("is {}, which is no limit to the kernel: set unlimited", u64::MAX)))
        }
        Some(Value::Limit(limit)) => Ok(Some(*limit)),
        Some(Value::Unlimited(Unlimited {})) => Ok(Some(u64::MAX)),
        None => Err(Failure::invalid(path, "has neither a limit nor unlimited; leave it out to leave it as it is")),
    }
}
