//! From what was typed to what is asked.

use procwire_client::{ListSockets, ProcessSelect, SocketSelect, v1::SocketState};

use super::NetstatArgs;
use crate::{commands::holders::sockets, connection::Connection, error::CliError};

/// The request that these arguments mean.
pub(super) async fn request(args: &NetstatArgs, connection: &Connection) -> Result<ListSockets, CliError> {
    let uids = uids(&args.user, connection).await?;
    let mut request = sockets(connection);
    let selects = selects(args, &uids);
    // One that everything matches is no condition, and agents refuse it as one.
    if !selects.contains(&SocketSelect::default()) {
        request = selects.into_iter().fold(request, ListSockets::matching);
    }
    if !args.no_programs {
        request = request.with_holders();
    }
    if args.all_namespaces {
        request = request.all_network_namespaces();
    }
    // Limited on the host only where the host also judges every condition, and where the order does not matter.
    match args.limit.filter(|_| !args.listening) {
        Some(limit) => Ok(request.limit(limit)),
        None => Ok(request),
    }
}

/// Sockets that match one of these.
pub(super) fn selects(args: &NetstatArgs, uids: &[u32]) -> Vec<SocketSelect> {
    let version = |select: SocketSelect| match (args.ipv4, args.ipv6) {
        (true, false) => select.inet4(),
        (false, true) => select.inet6(),
        _ => select.inet(),
    };
    let mut kinds = Vec::new();
    if args.tcp {
        kinds.push(version(SocketSelect::new().tcp()));
    }
    if args.udp {
        kinds.push(version(SocketSelect::new().udp()));
    }
    if args.unix {
        kinds.push(SocketSelect::new().unix());
    }
    if kinds.is_empty() {
        let leaves_open = args.all && !args.ipv4 && !args.ipv6;
        kinds.push(if leaves_open { SocketSelect::new() } else { version(SocketSelect::new()) });
    }
    kinds.into_iter().map(|select| with_conditions(select, args, uids)).collect()
}

fn with_conditions(mut select: SocketSelect, args: &NetstatArgs, uids: &[u32]) -> SocketSelect {
    select = args.port.iter().fold(select, |select, port| select.local_port(*port));
    select = args.remote_port.iter().fold(select, |select, port| select.remote_port(*port));
    select = args.local.iter().fold(select, |select, network| select.local_network(network.clone()));
    select = args.remote.iter().fold(select, |select, network| select.remote_network(network.clone()));
    select = args.state.iter().fold(select, |select, state| select.state(*state));
    select = args.pid.iter().fold(select, |select, pid| select.pid(*pid));
    uids.iter().fold(select, |select, uid| select.uid(*uid))
}

/// A state in any case, with hyphens or underscores: `time-wait`, `ESTABLISHED`.
pub(super) fn state(text: &str) -> Result<SocketState, String> {
    let name = text.to_ascii_uppercase().replace('-', "_");
    let found = SocketState::from_str_name(&format!("SOCKET_STATE_{name}"));
    found.filter(|state| *state != SocketState::Unspecified).ok_or_else(|| {
        let all = (1..).map_while(|number| SocketState::try_from(number).ok());
        let all: Vec<_> = all.map(|state| state.as_code().to_ascii_lowercase().replace('_', "-")).collect();
        format!("a state is one of {}", all.join(", "))
    })
}

/// Sockets have user ids. The host knows the names of those users that run something.
async fn uids(users: &[String], connection: &Connection) -> Result<Vec<u32>, CliError> {
    let mut uids = Vec::new();
    for user in users {
        if let Ok(uid) = user.parse() {
            uids.push(uid);
            continue;
        }
        let select = ProcessSelect::new().user(user);
        let list = connection.list().matching(select).fields(["uids"]).limit(1).await?;
        let uid = list.processes.first().and_then(|process| process.uids).map(|uids| uids.real);
        uids.push(uid.ok_or_else(|| {
            CliError::Usage(format!(
                "no process of user {user:?} runs there, which would tell the uid: give the number"
            ))
        })?);
    }
    Ok(uids)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_client::v1::{SocketFamily, SocketPredicate};

    use super::*;

    fn predicates(args: &NetstatArgs, uids: &[u32]) -> Vec<SocketPredicate> {
        selects(args, uids).into_iter().map(SocketPredicate::from).collect()
    }

    const INET: [i32; 2] = [SocketFamily::Inet as i32, SocketFamily::Inet6 as i32];

    #[test]
    fn without_a_kind_all_of_inet_is_meant() {
        let wanted = SocketPredicate { families: INET.to_vec(), ..SocketPredicate::default() };
        assert_eq!(predicates(&NetstatArgs::default(), &[]), [wanted]);
    }

    #[test]
    fn each_kind_has_all_conditions() {
        let args = NetstatArgs {
            tcp: true,
            unix: true,
            ipv6: true,
            port: vec![80, 443],
            state: vec![SocketState::Listen],
            pid: vec![7],
            ..NetstatArgs::default()
        };
        let conditions = SocketPredicate {
            local_ports: vec![80, 443],
            states: vec![SocketState::Listen.into()],
            pids: vec![7],
            uids: vec![33],
            ..SocketPredicate::default()
        };
        let tcp =
            SocketPredicate { families: vec![SocketFamily::Inet6.into()], protocols: vec![6], ..conditions.clone() };
        let unix = SocketPredicate { families: vec![SocketFamily::Unix.into()], ..conditions };
        assert_eq!(predicates(&args, &[33]), [tcp, unix]);
    }

    #[test]
    fn every_kind_is_one_condition_that_leaves_the_family_open() {
        let args = NetstatArgs { all: true, ..NetstatArgs::default() };
        assert_eq!(predicates(&args, &[]), [SocketPredicate::default()]);
    }

    #[test]
    fn all_beside_a_kind_is_that_kind_in_every_state_as_elsewhere() {
        for (tcp, ipv4) in [(true, false), (false, true), (true, true)] {
            let kind = NetstatArgs { tcp, ipv4, ..NetstatArgs::default() };
            let wanted = predicates(&kind, &[]);
            assert_eq!(predicates(&NetstatArgs { all: true, ..kind }, &[]), wanted);
        }
    }

    #[test]
    fn states_are_understood_as_people_write_them() {
        assert_eq!(state("time-wait").unwrap(), SocketState::TimeWait);
        assert_eq!(state("ESTABLISHED").unwrap(), SocketState::Established);
        assert_eq!(state("fin_wait1").unwrap(), SocketState::FinWait1);
        let refused = state("open").unwrap_err();
        assert!(refused.starts_with("a state is one of established, syn-sent, "), "{refused}");
        assert!(state("unspecified").is_err());
    }
}
