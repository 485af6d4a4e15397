//! What can be typed.

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        agent, audit, battery, cgroups, completions, context, cpu, demo, df, env, files, free, ifconfig, info, iostat,
        limits, maps, mem, netstat, nettop, pgrep, pidof, pki, policy, pressure, ps, sensors, settings, signal, system,
        terminate, threads, tree, units, uptime, wait, watch, who, who_listens,
    },
    connection::ConnectionArgs,
    exit::Exit,
    output::OutputArgs,
};

/// Processes and metrics of this host, or of any other that runs procwired.
///
/// Without a context or an endpoint the answer comes from an agent inside this process: the same services and the same
/// access rules as over the network, without the network.
#[derive(Debug, Parser)]
#[command(name = "procwire", version, after_help = Exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// Which agent.
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    /// How to print.
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List processes
    Ps(ps::PsArgs),
    /// Show processes below their parents
    Tree(tree::TreeArgs),
    /// List processes by the memory that they alone hold
    Mem(mem::MemArgs),
    /// Print the pids of the processes that run a program
    Pidof(pidof::PidofArgs),
    /// Print the pids of processes by name, user, port and more
    Pgrep(pgrep::PgrepArgs),
    /// Show all of one process
    Info(info::InfoArgs),
    /// Show what processes have open, or who has a file or a port open
    Files(files::FilesArgs),
    /// Show what is mapped into the memory of a process
    Maps(maps::MapsArgs),
    /// Show the environment that a process was started with
    Env(env::EnvArgs),
    /// Show the resource limits of a process, and what of them is used
    Limits(limits::LimitsArgs),
    /// Show the threads of a process
    Threads(threads::ThreadsArgs),
    /// List the sockets of the host and the processes that hold them
    Netstat(netstat::NetstatArgs),
    /// Show who listens on a port
    WhoListens(who_listens::WhoListensArgs),
    /// Show the host on a page: what needs attention, processors, memory, filesystems, disks, network, sensors
    System(system::SystemArgs),
    /// Show the processors: what they are, how busy and with what, how fast
    Cpu(cpu::CpuArgs),
    /// Show how much memory and swap is used and available
    Free(free::FreeArgs),
    /// Show how full filesystems are
    Df(df::DfArgs),
    /// Show what disks read and write just now, and how long that takes
    Iostat(iostat::IostatArgs),
    /// Show network interfaces and their addresses
    Ifconfig(ifconfig::IfconfigArgs),
    /// Show what each network interface carries just now, the busiest first
    Nettop(nettop::NettopArgs),
    /// Show temperatures, fans, voltages, graphics processors, and which are beyond their limits
    Sensors(sensors::SensorsArgs),
    /// Show batteries: how much is left, for how long, how worn; and mains power
    Battery(battery::BatteryArgs),
    /// List who is logged in, from where and since when
    Who(who::WhoArgs),
    /// Show how long the host runs, how many are logged in and the load
    Uptime(uptime::UptimeArgs),
    /// Show how long tasks had to wait for processors, memory and disks
    Pressure(pressure::PressureArgs),
    /// Show control groups: processors, memory and tasks that each uses of what it may use
    Cgroups(cgroups::CgroupsArgs),
    /// List units of systemd: services, timers, mounts, and which of them failed
    Units(units::UnitsArgs),
    /// Print samples at an interval
    #[command(subcommand)]
    Watch(watch::WatchCommand),
    /// End processes: signal, grace period, SIGKILL, each step reported
    Terminate(terminate::TerminateArgs),
    /// Send a signal to processes: SIGTERM, or another by -9, -HUP, --signal
    Kill(signal::KillArgs),
    /// Send a signal to the processes that a regular expression or a selection means
    Pkill(signal::PkillArgs),
    /// Send a signal to all processes of a name
    Killall(signal::KillallArgs),
    /// Stop processes where they are, until they are resumed
    Suspend(signal::SuspendArgs),
    /// Let processes that were stopped go on
    Resume(signal::SuspendArgs),
    /// Wait until processes end and tell how
    Wait(wait::WaitArgs),
    /// Show or set the nice value of processes
    Nice(settings::nice::NiceArgs),
    /// Show or set the I/O priority of processes
    Ionice(settings::ionice::IoniceArgs),
    /// Show or set on which processors processes may run
    Affinity(settings::affinity::AffinityArgs),
    /// Show or set resource limits of processes
    Limit(settings::limit::LimitArgs),
    /// Show or set how likely the out-of-memory killer takes processes
    Oom(settings::oom::OomArgs),
    /// Read an agent's audit trail: check its chain, search it, follow it
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Ask the agent about itself
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Keep named agents
    #[command(subcommand)]
    Context(context::ContextCommand),
    /// Make certificates: a small authority, agents, clients
    Pki(pki::PkiArgs),
    /// Read and try the rules of what callers may do
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// See it all work: mutual TLS, samples, a termination, refusals
    Demo(demo::DemoArgs),
    /// Print completions for a shell
    Completions(completions::CompletionsArgs),
    /// The process that the demonstration ends
    #[command(hide = true)]
    DemoChild,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself() {
        fn check(command: &clap::Command) {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name} has no help");
            // What a doc comment of Rust escapes is not escaped for the reader of the help.
            let help = command.clone().render_long_help().to_string();
            assert!(!help.contains(r#"\""#), "{name}: {help}");
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn global_arguments_may_follow_the_command() {
        let cli = Cli::try_parse_from(["procwire", "ps", "-o", "json", "--timeout", "3s"]).unwrap();
        assert_eq!(cli.output.output, crate::output::Format::Json);
        assert_eq!(cli.connection.timeout, Some(std::time::Duration::from_secs(3)));
    }

    #[test]
    fn what_hands_type_out_of_habit_is_understood() {
        for habit in [
            "netstat -tulpn",
            "netstat -antp",
            "netstat -plunt",
            "netstat --port 80,443 --state listen,established --pid 1,2 --user root,1000",
            "files --port 80,443",
            "ps --cpu",
            "ps -c 1s",
            "ps 1 --cpu=1s",
            "info 1 --cpu",
            "info 1 --cpu 1s",
            "threads 1 -c",
            "pgrep -P 1 -l",
            "pgrep -fl java",
        ] {
            let typed = std::iter::once("procwire").chain(habit.split(' '));
            assert!(Cli::try_parse_from(typed).is_ok(), "{habit}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_is_asked() {
        for wrong in [
            &["info", "0"][..],
            &["info", "4194305"],
            &["info", "-1"],
            &["terminate", "12", "--signal", "NOPE"],
            &["terminate", "12", "--grace", "10"],
            &["wait", "12@x"],
            &["info", "1", "--all", "--fields", "pid"],
            &["files"],
            &["files", "1", "--all"],
            &["files", "1", "--kind", "file"],
            &["files", "--port", "80", "--deleted"],
            &["maps", "1", "--sort", "name"],
            &["threads", "1", "--cpu", "1"],
            &["threads", "1", "--cpu", "1h"],
            &["info", "--cpu", "1"],
            &["ps", "--cpu=0s"],
            &["ps", "--exe", "sh"],
            &["netstat", "--port", "80,x"],
            &["netstat", "--programs", "--no-programs"],
            &["netstat", "--local", "10.0.0.0/33"],
            &["who-listens"],
            &["who-listens", "0"],
            &["watch", "system", "--interval", "-1s"],
            &["ps", "--fields", ""],
            &["pki", "issue", "client", "alice"],
        ] {
            let typed = std::iter::once("procwire").chain(wrong.iter().copied());
            assert!(Cli::try_parse_from(typed).is_err(), "{wrong:?}");
        }
    }
}
