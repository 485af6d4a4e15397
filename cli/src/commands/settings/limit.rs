//! `procwire limit`

use clap::Args;
use procwire_client::{
    Limit, UpdateProcess,
    v1::{Process, ResourceKind},
};
use procwire_proto::json;

use super::change::{Change, change};
use crate::{
    commands::{
        choice::ChoiceArgs,
        consent::{self, ActionArgs},
        one_process::{note_unreadable, require},
        rows::write_rows,
        target::Target,
    },
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::process::limits::{self, Usage},
    selectors::{SelectorArgs, parse_bytes},
};

/// Whose limits, as typed.
#[derive(Debug, Args)]
#[command(after_help = consent::HELP)]
pub(crate) struct LimitArgs {
    /// Pids or PID@START_TICKS; and limits to set: nofile=1024:4096 is soft and hard, nofile=1024: soft, nofile=:4096 hard,
    /// nofile=1024 both; sizes as 64M, none as unlimited. Also as prlimit has it: --nofile=1024. A name alone shows that limit
    #[arg(value_name = "PID|LIMIT")]
    words: Vec<String>,
    #[command(flatten)]
    action: ActionArgs,
    #[command(flatten)]
    selectors: SelectorArgs,
}

/// A limit to be set; what is not named stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NewLimit {
    resource: ResourceKind,
    soft: Option<Limit>,
    hard: Option<Limit>,
}

/// What was typed.
#[derive(Debug, Default)]
struct Words {
    targets: Vec<Target>,
    shown: Vec<ResourceKind>,
    set: Vec<NewLimit>,
}

/// Shows or sets resource limits.
pub(crate) async fn run(args: &LimitArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let Words { targets, shown, set } = sort(&args.words)?;
    let choice = ChoiceArgs { targets, selectors: args.selectors.clone() };
    if set.is_empty() {
        return show(&choice, &shown, connection, out).await;
    }
    if let Some(resource) = shown.first() {
        let problem = format!("{} has no value; write {0}=SOFT:HARD", name(*resource));
        return Err(CliError::Usage(problem));
    }
    let names: Vec<_> = set.iter().map(|limit| name(limit.resource)).collect();
    let it = Change {
        in_words: format!("the limits {}", names.join(", ")),
        apply: &|request| set.iter().fold(request, |request, limit| limit.apply(request)),
        all_threads: false,
        action: &args.action,
    };
    change(&choice, &it, connection, out).await
}

async fn show(
    choice: &ChoiceArgs,
    only: &[ResourceKind],
    connection: &Connection,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let mut chosen = choice.choose(&["resource_limits"], connection, out).await?;
    if let Some(exit) = chosen.note_missing(out)? {
        return Ok(exit);
    }
    if let [one] = &chosen.processes[..] {
        require(one, "resource_limits", !one.resource_limits.is_empty(), connection.is_local)?;
    }
    let is_shown = |process: &mut Process| {
        process.resource_limits.retain(|limit| only.is_empty() || only.contains(&limit.resource()));
    };
    chosen.processes.iter_mut().for_each(is_shown);
    if !out.is_for_people() {
        write_rows(out, chosen.processes.iter().map(json::to_json))?;
    } else {
        let is_one = chosen.processes.len() == 1;
        for (index, process) in chosen.processes.iter().enumerate() {
            if !is_one {
                let between = if index > 0 { "\n" } else { "" };
                let target = process.reference().map_or_else(|| process.pid.to_string(), ToString::to_string);
                writeln!(out.answer, "{between}{target} {}", process.display_name())?;
            }
            limits::table(process, &Usage::default()).write(&mut out.answer, out.width)?;
        }
        note_unreadable(&chosen.processes, connection, out)?;
    }
    Ok(if chosen.missing.is_empty() { Exit::Success } else { Exit::Mixed })
}

impl NewLimit {
    fn apply(&self, request: UpdateProcess) -> UpdateProcess {
        match *self {
            Self { resource, soft: Some(soft), hard: Some(hard) } => request.resource_limit(resource, soft, hard),
            Self { resource, soft: Some(soft), hard: None } => request.soft_limit(resource, soft),
            Self { resource, soft: None, hard: Some(hard) } => request.hard_limit(resource, hard),
            Self { soft: None, hard: None, .. } => request,
        }
    }
}

fn sort(words: &[String]) -> Result<Words, CliError> {
    let mut sorted = Words::default();
    for word in words {
        let wrong = |problem: String| CliError::Usage(format!("{word:?}: {problem}"));
        if let Some((name, value)) = word.split_once('=') {
            sorted.set.push(parse_limit(name, value).map_err(wrong)?);
        } else if word.starts_with(|character: char| character.is_ascii_digit()) {
            sorted.targets.push(word.parse().map_err(wrong)?);
        } else {
            sorted.shown.push(parse_resource(word).map_err(wrong)?);
        }
    }
    Ok(sorted)
}

/// As prlimit(1): `soft:hard`, `soft:`, `:hard`, or one value for both.
fn parse_limit(name: &str, value: &str) -> Result<NewLimit, String> {
    let resource = parse_resource(name)?;
    let (soft, hard) = match value.split_once(':') {
        None => (Some(parse_value(value)?), Some(parse_value(value)?)),
        Some(("", "")) => return Err("a limit is soft:hard, soft:, :hard, or one value for both".to_owned()),
        Some((soft, "")) => (Some(parse_value(soft)?), None),
        Some(("", hard)) => (None, Some(parse_value(hard)?)),
        Some((soft, hard)) => (Some(parse_value(soft)?), Some(parse_value(hard)?)),
    };
    Ok(NewLimit { resource, soft, hard })
}

fn parse_value(text: &str) -> Result<Limit, String> {
    match text {
        "unlimited" | "infinity" | "-1" => Ok(Limit::Unlimited),
        _ => match text.parse() {
            Ok(number) => Ok(Limit::Of(number)),
            Err(_) => parse_bytes(text)
                .map(Limit::Of)
                .map_err(|_| "a limit is a number, also as 64M, or unlimited".to_owned()),
        },
    }
}

fn parse_resource(text: &str) -> Result<ResourceKind, String> {
    let found = ResourceKind::from_str_name(&format!("RESOURCE_KIND_{}", text.to_ascii_uppercase()));
    found.filter(|resource| *resource != ResourceKind::Unspecified).ok_or_else(|| {
        "no resource; they are cpu, fsize, data, stack, core, rss, nproc, nofile, memlock, as, locks, sigpending, msgqueue, nice, rtprio, rttime".to_owned()
    })
}

fn name(resource: ResourceKind) -> String {
    resource.as_code().to_ascii_lowercase()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn limits_are_spelled_as_for_prlimit() {
        let limit = |value: &str| parse_limit("nofile", value).map(|limit| (limit.soft, limit.hard));
        let of = |number| Some(Limit::Of(number));
        for (text, wanted) in [
            ("1024:4096", (of(1024), of(4096))),
            ("1024:", (of(1024), None)),
            (":4096", (None, of(4096))),
            ("1024", (of(1024), of(1024))),
            ("64M:unlimited", (of(64 << 20), Some(Limit::Unlimited))),
            (":-1", (None, Some(Limit::Unlimited))),
            ("18446744073709551614:", (of(u64::MAX - 1), None)),
        ] {
            assert_eq!(limit(text), Ok(wanted), "{text}");
        }
        for wrong in ["", ":", "a", "1:2:3", "-2", "1024 ", "1x:"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
        assert!(parse_limit("nofiles", "1").is_err() && parse_limit("unspecified", "1").is_err());
    }

    #[test]
    fn words_are_processes_limits_and_names() {
        let typed: Vec<_> = ["7", "nofile=1:2", "8@99", "core=0"].map(str::to_owned).into();
        let Words { targets, shown, set } = sort(&typed).unwrap();
        assert_eq!((targets.len(), shown.len(), set.len()), (2, 0, 2));
        assert_eq!(sort(&["7".to_owned(), "NOFILE".to_owned()]).unwrap().shown, [ResourceKind::Nofile]);
        assert!(sort(&["nonsense".to_owned()]).is_err() && sort(&["7x".to_owned()]).is_err());
    }
}
