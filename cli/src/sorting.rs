//! `--sort`: short names for the orders that people ask for, and any field by its path.

use std::str::FromStr;

use procwire_client::v1::OrderBy;

/// One key of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortKey {
    paths: Vec<String>,
    descending: bool,
}

/// A short name.
struct Named {
    names: &'static [&'static str],
    /// Fields; several are added up.
    paths: &'static [&'static str],
    descending: bool,
}

const fn greatest_first(names: &'static [&'static str], paths: &'static [&'static str]) -> Named {
    Named { names, paths, descending: true }
}

const fn least_first(names: &'static [&'static str], paths: &'static [&'static str]) -> Named {
    Named { names, paths, descending: false }
}

/// Quantities begin with the greatest, names and numbers with the least.
static NAMED: &[Named] = &[
    greatest_first(&["cpu"], &["cpu_usage_ratio"]),
    greatest_first(&["rss", "mem"], &["memory.resident_bytes"]),
    greatest_first(&["vsz", "virt"], &["memory.virtual_bytes"]),
    greatest_first(&["pss"], &["memory_footprint.proportional_bytes"]),
    greatest_first(&["uss"], &["memory_footprint.unique_bytes"]),
    greatest_first(&["swap"], &["memory.swap_bytes"]),
    greatest_first(&["time"], &["cpu_times.user_ns", "cpu_times.system_ns"]),
    greatest_first(&["start"], &["start_time"]),
    greatest_first(&["fds"], &["fd_count"]),
    greatest_first(&["threads"], &["thread_count"]),
    greatest_first(&["io"], &["io.read_bytes", "io.write_bytes"]),
    least_first(&["pid"], &["pid"]),
    least_first(&["ppid"], &["ppid"]),
    least_first(&["name"], &["name"]),
    least_first(&["user"], &["username"]),
    least_first(&["tty"], &["terminal"]),
    least_first(&["nice"], &["nice"]),
    least_first(&[], &["exe"]),
    least_first(&[], &["cwd"]),
];

impl SortKey {
    /// For `--help`.
    pub(crate) const HELP: &str =
        "cpu, rss, vsz, pss, uss, swap, time, start, fds, threads, io, pid, ppid, name, user, tty, nice, or any field";

    /// The fields it looks at.
    pub(crate) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// True if it is by the use of processors, which takes a window to measure.
    pub(crate) fn needs_usage(&self) -> bool {
        self.paths.iter().any(|path| path == "cpu_usage_ratio")
    }

    /// The same with one field in place of another.
    #[must_use]
    pub(crate) fn replacing(mut self, path: &str, by: &str) -> Self {
        self.paths.iter_mut().filter(|found| *found == path).for_each(|found| by.clone_into(found));
        self
    }

    /// The same for the agent.
    pub(crate) fn order(&self) -> OrderBy {
        OrderBy { paths: self.paths.clone(), descending: self.descending }
    }
}

impl FromStr for SortKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, direction) = text.split_once(':').unwrap_or((text, ""));
        if name.is_empty() {
            return Err(format!("sort by {}", Self::HELP));
        }
        let lower = name.to_ascii_lowercase();
        let named = NAMED.iter().find(|named| named.names.contains(&lower.as_str()) || named.paths == [name]);
        let descending = match (direction, named) {
            ("asc", _) => false,
            ("desc", _) | ("", None) => true,
            ("", Some(named)) => named.descending,
            _ => return Err("a key ends in :asc, :desc or neither".to_owned()),
        };
        let paths = match named {
            Some(named) => named.paths.iter().map(ToString::to_string).collect(),
            None => vec![name.to_owned()],
        };
        Ok(Self { paths, descending })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::{FieldMask, ProcessFieldSet};

    use super::*;
    use crate::render::process::mask_path;

    fn key(paths: &[&str], descending: bool) -> SortKey {
        SortKey { paths: paths.iter().map(ToString::to_string).collect(), descending }
    }

    #[test]
    fn quantities_begin_with_the_greatest_and_names_with_the_least() {
        assert_eq!("rss".parse(), Ok(key(&["memory.resident_bytes"], true)));
        assert_eq!("RSS:asc".parse(), Ok(key(&["memory.resident_bytes"], false)));
        assert_eq!("name".parse(), Ok(key(&["name"], false)));
        assert_eq!("username".parse(), Ok(key(&["username"], false)));
        assert_eq!("io:desc".parse(), Ok(key(&["io.read_bytes", "io.write_bytes"], true)));
        assert_eq!("oom.score".parse(), Ok(key(&["oom.score"], true)));
    }

    #[test]
    fn every_short_name_is_explained_and_is_a_field() {
        let explained: Vec<_> = SortKey::HELP.split(", ").collect();
        for named in NAMED {
            assert!(named.names.first().is_none_or(|name| explained.contains(name)), "{:?}", named.names);
            let paths = named.paths.iter().map(|path| mask_path(path).unwrap().to_owned()).collect();
            let mask = FieldMask { paths };
            ProcessFieldSet::from_mask(Some(&mask), ProcessFieldSet::EMPTY).unwrap();
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for wrong in ["", ":asc", "rss:up", "rss:asc:desc"] {
            assert!(wrong.parse::<SortKey>().is_err(), "{wrong}");
        }
    }
}
