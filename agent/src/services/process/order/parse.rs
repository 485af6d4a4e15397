//! From the wire to an order of columns that exist and can be compared.

use std::collections::HashSet;

use procwire_proto::v1::{OrderBy, Process};
use procwire_proto::{FieldTable as _, UnknownPath, process_fields::bit};

use super::{
    Key, Order,
    columns::{Column, Kind, column, nearest},
};
use crate::status::Failure;

/// Keys of an order.
const KEYS_MAX: usize = 8;
/// Fields that are added up.
const PATHS_MAX: usize = 16;
/// Longer than any path there is.
const PATH_MAX_BYTES: usize = 256;

impl Order {
    pub(crate) fn parse(order_by: &[OrderBy], has_usage_window: bool) -> Result<Self, Failure> {
        if order_by.len() > KEYS_MAX {
            let problem = format!("has {} keys; at most {KEYS_MAX} are taken", order_by.len());
            return Err(Failure::invalid("order_by", problem));
        }
        let keys: Vec<Key> = order_by
            .iter()
            .enumerate()
            .map(|(index, key)| parse_key(&format!("order_by[{index}]"), key, has_usage_window))
            .collect::<Result<_, _>>()?;
        refuse_repeated(order_by)?;
        Ok(Self(keys))
    }
}

/// A field that is named again decides nothing more, and each costs memory for every row.
fn refuse_repeated(order_by: &[OrderBy]) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    for (index, key) in order_by.iter().enumerate() {
        for (path_index, path) in key.paths.iter().enumerate() {
            if !seen.insert(path) {
                let problem = format!("is {path:?}, which the order has already: name each field once");
                return Err(Failure::invalid(format!("order_by[{index}].paths[{path_index}]"), problem));
            }
        }
    }
    Ok(())
}

fn parse_key(place: &str, key: &OrderBy, has_usage_window: bool) -> Result<Key, Failure> {
    let OrderBy { paths, descending } = key;
    if paths.is_empty() {
        return Err(Failure::invalid(format!("{place}.paths"), "is empty: name a field of Process"));
    }
    if paths.len() > PATHS_MAX {
        let problem = format!("has {} fields; at most {PATHS_MAX} are added up", paths.len());
        return Err(Failure::invalid(format!("{place}.paths"), problem));
    }
    let mut columns = Vec::with_capacity(paths.len());
    for (index, path) in paths.iter().enumerate() {
        let path_place = format!("{place}.paths[{index}]");
        let column = parse_path(place, index, path)?;
        if column.kind == Kind::Bytes && paths.len() > 1 {
            return Err(Failure::invalid(
                path_place,
                format!("is {path:?}, which is no number and cannot be added up"),
            ));
        }
        if column.field == bit::CPU_USAGE_RATIO && !has_usage_window {
            let problem = "is cpu_usage_ratio, which needs usage_window: without it nothing is measured";
            return Err(Failure::invalid(path_place, problem));
        }
        columns.push(column);
    }
    Ok(Key { columns, descending: *descending })
}

fn parse_path(place: &str, index: usize, path: &str) -> Result<&'static Column, Failure> {
    let path_place = format!("{place}.paths[{index}]");
    if path.len() > PATH_MAX_BYTES {
        let problem = format!("is longer than {PATH_MAX_BYTES} bytes; no field has such a name");
        return Err(Failure::invalid(path_place, problem));
    }
    if let Some(column) = column(path) {
        return Ok(column);
    }
    let suggestion = nearest(path);
    let exists = Process::FIELDS
        .iter()
        .any(|field| field.path == path || field.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
    if exists {
        let instead = suggestion.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
        let problem =
            format!("is {path:?}, which is neither a number nor bytes, so that rows have no order by it{instead}");
        return Err(Failure::invalid(path_place, problem));
    }
    Err(Failure::unknown_path(place, &UnknownPath { index, path: path.to_owned(), suggestion }))
}
