//! Whose rights it acts with, and what it may not do.

use procwire_proto::v1::{Process, SeccompMode};

use super::{Pairs, present, text};

pub(super) const FIELDS: &[&str] = &[
    "uids",
    "gids",
    "username",
    "supplementary_gids",
    "login_uid",
    "capabilities",
    "syscall_filter",
    "security_label",
];

/// capabilities(7); bit n is the n-th.
const CAPABILITIES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

pub(super) fn pairs(process: &Process) -> Pairs {
    let groups = process.supplementary_gids.iter().map(u32::to_string).collect::<Vec<_>>();
    let label = process.security_label.as_deref().map(text).filter(|label| !label.is_empty());
    present([
        ("user", user(process)),
        ("group", process.gids.map(|gids| ids([gids.real, gids.effective, gids.saved, gids.filesystem]))),
        ("also in", (!groups.is_empty()).then(|| format!("groups {}", groups.join(", ")))),
        ("logged in as", process.login_uid.map(|uid| format!("user id {uid}"))),
        ("capabilities", capabilities(process)),
        ("system calls", filter(process)),
        ("label", label),
    ])
}

fn user(process: &Process) -> Option<String> {
    let name = process.username.as_deref().map(text);
    let ids = process.uids.map(|uids| ids([uids.real, uids.effective, uids.saved, uids.filesystem]));
    match (name, ids) {
        (Some(name), Some(ids)) => Some(format!("{name} ({ids})")),
        (name, ids) => name.or(ids),
    }
}

/// `1000`, or each where they differ.
fn ids([real, effective, saved, filesystem]: [u32; 4]) -> String {
    if [effective, saved, filesystem] == [real; 3] {
        return real.to_string();
    }
    format!("real {real}, effective {effective}, saved {saved}, file system {filesystem}")
}

/// What it may do now; and what it might yet acquire, where that is more.
fn capabilities(process: &Process) -> Option<String> {
    let sets = process.capabilities.as_ref()?;
    let effective = sets.effective?;
    let more = |label: &str, set: Option<u64>| {
        set.filter(|set| set & !effective != 0).map(|set| format!("{label} {}", capability_names(set)))
    };
    let parts = [
        Some(capability_names(effective)),
        more("permitted", sets.permitted),
        more("inheritable", sets.inheritable),
        more("ambient", sets.ambient),
        // The bound says something where it is neither all there are nor all it has.
        sets.bounding
            .filter(|set| !is_all(*set) && *set != effective)
            .map(|set| format!("at most {}", capability_names(set))),
    ];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

fn is_all(set: u64) -> bool {
    let known = (1 << CAPABILITIES.len()) - 1;
    set & known == known
}

fn capability_names(set: u64) -> String {
    if set == 0 {
        return "none".to_owned();
    }
    if is_all(set) {
        return "all".to_owned();
    }
    let name = |bit: u32| match usize::try_from(bit).ok().and_then(|bit| CAPABILITIES.get(bit)) {
        Some(name) => (*name).to_owned(),
        None => bit.to_string(),
    };
    let of = |set: u64| (0..u64::BITS).filter(|bit| set >> bit & 1 == 1).map(name).collect::<Vec<_>>();
    let (given, taken) = (of(set), of(!set & ((1 << CAPABILITIES.len()) - 1)));
    if taken.len() < given.len() / 2 { format!("all but {}", taken.join(", ")) } else { given.join(", ") }
}

fn filter(process: &Process) -> Option<String> {
    let filter = process.syscall_filter.as_ref()?;
    let seccomp = match filter.seccomp_mode.map(|_| filter.seccomp_mode()) {
        None | Some(SeccompMode::Unspecified) => None,
        Some(SeccompMode::Disabled) => Some("not filtered".to_owned()),
        Some(SeccompMode::Strict) => Some("only read, write and exit (seccomp strict)".to_owned()),
        Some(SeccompMode::Filter) => Some(match filter.filter_count {
            Some(count) if count > 1 => format!("filtered by {count} seccomp filters"),
            _ => "filtered by seccomp".to_owned(),
        }),
    };
    let privileges = match filter.no_new_privileges {
        Some(true) => Some("no new privileges by exec".to_owned()),
        _ => None,
    };
    let parts: Vec<_> = seccomp.into_iter().chain(privileges).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_names_and_the_shorter_list_is_told() {
        assert_eq!(capability_names(0), "none");
        assert_eq!(capability_names((1 << 41) - 1), "all");
        assert_eq!(capability_names(u64::MAX), "all");
        assert_eq!(capability_names(1 << 10 | 1 << 19), "net_bind_service, sys_ptrace");
        assert_eq!(capability_names(((1 << 41) - 1) & !(1 << 16)), "all but sys_module");
        assert_eq!(capability_names(1 << 50), "50", "a newer kernel's");
    }

    #[test]
    fn equal_ids_are_told_once() {
        assert_eq!(ids([7, 7, 7, 7]), "7");
        assert_eq!(ids([7, 0, 7, 0]), "real 7, effective 0, saved 7, file system 0");
    }
}
