//! `procwire tree`

use clap::Args;
use procwire_client::{
    ProcessRef, ProcessTree,
    v1::{ProcessFilter, ProcessPredicate},
};
use procwire_proto::json;

use super::{
    listing,
    rows::write_rows,
    target::{Target, TargetArgs},
};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::process::{
        branches::Strokes,
        tree::{self, TreeStyle},
    },
    selectors::SelectorArgs,
};

/// Which processes to draw, as typed.
#[derive(Debug, Args)]
#[command(after_help = "\
As JSON: one object per process, parents before their children, with its depth below the first of its tree.")]
pub(crate) struct TreeArgs {
    /// Only this process and its descendants
    #[arg(value_name = "PID", conflicts_with = "under")]
    root: Option<Target>,
    /// Show arguments in place of names
    #[arg(short, long)]
    args: bool,
    /// Threads of the kernel too
    #[arg(short = 'A', long, conflicts_with_all = ["kernel_threads", "no_kernel_threads"])]
    all: bool,
    /// Draw with characters of ASCII, as in a locale without UTF-8
    #[arg(long)]
    ascii: bool,
    #[command(flatten)]
    selectors: SelectorArgs,
}

/// Draws processes below their parents.
pub(crate) async fn run(args: &TreeArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut selectors = args.selectors.clone();
    let mut filter = match args.root {
        // Whatever is named is shown.
        Some(target) => {
            let root = TargetArgs::from(target).resolve(&connection.client, connection.timeout).await?;
            Some(with_descendants(selectors.filter(connection).await?, &root))
        }
        None => {
            if !args.all {
                selectors = selectors.without_kernel_threads();
            }
            selectors.filter(connection).await?
        }
    };
    let request = listing::filtered_request(filter.take(), &selectors, &[], None, connection);
    let fields = tree::FIELDS.iter().copied().chain(args.args.then_some("cmdline")).chain(["kernel_thread"]);
    let list = request.fields(fields).await?;
    if out.is_for_people() {
        let tree_style = TreeStyle { strokes: Strokes::of_locale(args.ascii), with_arguments: args.args };
        tree::table(&list.processes, tree_style, out.width).write_rows(&mut out.answer, out.width)?;
    } else {
        let tree = ProcessTree::new(&list.processes);
        let rows = tree.walk().map(|node| {
            let mut row = json::to_json(node.process);
            if let Some(object) = row.as_object_mut() {
                object.insert("depth".to_owned(), node.depth.into());
            }
            row
        });
        write_rows(out, rows)?;
    }
    listing::note(&list, &selectors, connection, out)?;
    let named: Vec<_> = selectors.named_pids().into_iter().chain(args.root.map(|target| target.pid)).collect();
    listing::require_some(&named, list.summary.returned)?;
    listing::note_nothing(list.summary.returned, &selectors, out)?;
    Ok(Exit::Success)
}

/// What passes the filter, of this process and its descendants.
fn with_descendants(filter: Option<ProcessFilter>, root: &ProcessRef) -> ProcessFilter {
    let ProcessFilter { mut allow, deny } = filter.unwrap_or_default();
    if allow.is_empty() {
        allow.push(ProcessPredicate::default());
    }
    let itself = allow.iter().cloned().map(|predicate| ProcessPredicate { refs: vec![root.clone()], ..predicate });
    let below =
        allow.iter().cloned().map(|predicate| ProcessPredicate { descendants_of: vec![root.clone()], ..predicate });
    ProcessFilter { allow: itself.chain(below).collect(), deny }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_its_root_and_all_below_it_that_is_selected() {
        let root = ProcessRef { pid: 7, ..ProcessRef::default() };
        let of_root = ProcessPredicate { uids: vec![0], ..ProcessPredicate::default() };
        let filter = ProcessFilter { allow: vec![of_root.clone()], deny: vec![of_root.clone()] };
        let wanted = ProcessFilter {
            allow: vec![
                ProcessPredicate { refs: vec![root.clone()], ..of_root.clone() },
                ProcessPredicate { descendants_of: vec![root.clone()], ..of_root.clone() },
            ],
            deny: vec![of_root],
        };
        assert_eq!(with_descendants(Some(filter), &root), wanted);
        assert_eq!(with_descendants(None, &root).allow.len(), 2);
    }
}
