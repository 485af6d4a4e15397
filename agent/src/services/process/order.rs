//! In which order a list is asked for, and the ranking of rows by it.

mod columns;
mod parse;
mod ranking;

use std::cmp::Ordering;

use procwire_proto::{ProcessFieldSet, v1::Process};

use self::columns::Column;
pub(crate) use self::ranking::{Entry, RANKING_MAX_BYTES, Ranking};

/// The keys of an order, first key first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order(Vec<Key>);

/// One key.
#[derive(Clone, Debug)]
struct Key {
    /// Several are added up.
    columns: Vec<&'static Column>,
    descending: bool,
}

/// A value that rows are ordered by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Wide enough for sums of the widest fields.
    Integer(i128),
    Real(f64),
    Bytes(Box<[u8]>),
}

/// The values of one row, one for each key.
pub(crate) type Rank = Box<[Option<Value>]>;

impl Order {
    /// True if rows come as they are: ascending by pid.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields that its keys are made of.
    pub(crate) fn fields(&self) -> ProcessFieldSet {
        let columns = self.0.iter().flat_map(|key| &key.columns);
        columns.fold(ProcessFieldSet::EMPTY, |fields, column| fields.union(column.field))
    }

    /// What a row is ranked by.
    pub(crate) fn rank(&self, row: &Process) -> Rank {
        self.0.iter().map(|key| key.value(row)).collect()
    }

    /// Which of two rows comes first.
    fn compare(&self, left: &Rank, right: &Rank) -> Ordering {
        let keys = self.0.iter().zip(left.iter().zip(right.iter()));
        keys.map(|(key, (left, right))| key.compare(left.as_ref(), right.as_ref()))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl Key {
    /// A sum of which a part is not known is not known.
    fn value(&self, row: &Process) -> Option<Value> {
        let mut values = self.columns.iter().map(|column| (column.value)(row));
        let first = values.next()??;
        values.try_fold(first, |sum, value| Some(sum.plus(value?)))
    }

    fn compare(&self, left: Option<&Value>, right: Option<&Value>) -> Ordering {
        match (left, right) {
            (Some(left), Some(right)) if self.descending => right.compare(left),
            (Some(left), Some(right)) => left.compare(right),
            // Without a value: last, whichever way the others go.
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

impl Value {
    #[allow(clippy::cast_precision_loss, reason = "sums of ratios and counts have no exact value anyway")]
    fn plus(self, other: Value) -> Value {
        match (self, other) {
            (Value::Integer(left), Value::Integer(right)) => Value::Integer(left.saturating_add(right)),
            (Value::Integer(integer), Value::Real(real)) | (Value::Real(real), Value::Integer(integer)) => {
                Value::Real(real + integer as f64)
            }
            (Value::Real(left), Value::Real(right)) => Value::Real(left + right),
            // The parser lets no sum have bytes in it.
            (Value::Bytes(bytes), _) | (_, Value::Bytes(bytes)) => Value::Bytes(bytes),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a key has values of one kind")]
    fn compare(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
            (Value::Real(left), Value::Real(right)) => left.total_cmp(right),
            (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
            (Value::Integer(left), Value::Real(right)) => (*left as f64).total_cmp(right),
            (Value::Real(left), Value::Integer(right)) => left.total_cmp(&(*right as f64)),
            (Value::Bytes(_), _) => Ordering::Greater,
            (_, Value::Bytes(_)) => Ordering::Less,
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Value::Bytes(bytes) => bytes.len(),
            Value::Integer(_) | Value::Real(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests;
