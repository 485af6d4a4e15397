//! What the agent's own control group may use: nobody shall take a container for its host.

use procwire_proto::{escape, v1::System};

use crate::render::{system::path_of, units, wrap::wrap};

/// A sentence about the limit on the memory of the agent's control group; `None` if it has none.
pub(crate) fn limit_sentence(system: &System, width: Option<u16>) -> Option<String> {
    let cgroup = system.cgroup.as_ref()?;
    let memory = cgroup.memory.as_ref()?;
    let limit = memory.effective_limit_bytes.or(memory.limit_bytes)?;
    // A group that may use more than there is has no limit that anybody feels.
    if system.memory.as_ref().and_then(|memory| memory.total_bytes).is_some_and(|total| limit >= total) {
        return None;
    }
    let path = path_of(cgroup).map(|path| format!(" {}", escape::terminal(path))).unwrap_or_default();
    let used = memory.usage_bytes.map(|used| match limit {
        0 => format!(" and uses {}", units::bytes(used)),
        _ => format!(" and uses {} ({})", units::bytes(used), units::percent(used as f64 / limit as f64)),
    });
    let swap = memory.swap_limit_bytes.map(|limit| format!(", of swap {}", units::bytes(limit)));
    let sentence = format!(
        "The agent's control group{path} may use {}{}{}; the figures above are the host's.",
        units::bytes(limit),
        swap.unwrap_or_default(),
        used.unwrap_or_default(),
    );
    Some(wrap(&sentence, width.map_or(usize::MAX, usize::from)).join("\n"))
}
