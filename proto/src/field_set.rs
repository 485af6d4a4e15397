//! Fields as data: one table per message says what can be asked for, where it comes from and what it costs.
//! Read masks, the plan of kernel files, `--fields`, sort keys and the docs all come from it.

use std::{fmt, marker::PhantomData};

use prost_types::FieldMask;

use crate::v1::FieldCost;

/// One field that a read mask can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// As a read mask names it: `memory.resident_bytes`.
    pub path: &'static str,
    /// Kernel file or system call it comes from: `/proc/PID/statm`.
    pub source: &'static str,
    /// What reading it costs.
    pub cost: FieldCost,
    /// How sensitive it is.
    pub class: DataClass,
    /// Whether this version serves it.
    pub availability: Availability,
}

impl Field {
    /// True if this version answers it.
    pub fn is_served(&self) -> bool {
        self.availability != Availability::Later
    }
}

/// Whether a field is served, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Served, and part of an answer to a request without a mask.
    Default,
    /// Served when asked for.
    Served,
    /// Designed, not served by this version: answers `UNSUPPORTED`.
    Later,
}

/// Classes of data that roles are granted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataClass {
    /// What `ps` shows to everyone.
    Basic,
    /// Command lines, which may carry secrets.
    CommandLine,
    /// The environment, which usually does.
    Environ,
    /// Open files and directories.
    Files,
    /// Sockets.
    Sockets,
    /// Mappings of an address space.
    Maps,
}

/// A message whose fields are listed in a table of at most 128 rows.
pub trait FieldTable {
    /// The table; the index of a row is its bit in a [`FieldSet`].
    const FIELDS: &'static [Field];
}

/// A set of fields of the message `M`: a read mask, checked and compiled.
pub struct FieldSet<M> {
    bits: u128,
    message: PhantomData<fn() -> M>,
}

impl<M> FieldSet<M> {
    /// No field.
    pub const EMPTY: Self = Self::from_bits(0);

    /// The field with this index in the table. Used by the tables to name their bits.
    pub const fn single(index: u8) -> Self {
        Self::from_bits(1 << index)
    }

    const fn from_bits(bits: u128) -> Self {
        Self { bits, message: PhantomData }
    }

    /// All fields of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self::from_bits(self.bits | other.bits)
    }

    /// The fields that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self::from_bits(self.bits & other.bits)
    }

    /// The fields of this set that are not in the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self::from_bits(self.bits & !other.bits)
    }

    /// True if every field of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.bits & other.bits == other.bits
    }

    /// True if at least one field is in both sets.
    pub const fn intersects(self, other: Self) -> bool {
        self.bits & other.bits != 0
    }

    /// True if there is no field in the set.
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Number of fields in the set.
    pub const fn len(self) -> u32 {
        self.bits.count_ones()
    }
}

impl<M: FieldTable> FieldSet<M> {
    /// The rows of the table that satisfy a condition.
    pub fn matching(condition: impl Fn(&Field) -> bool) -> Self {
        Self::from_bits(rows::<M>().filter(|(_, field)| condition(field)).fold(0, |bits, (bit, _)| bits | bit))
    }

    /// Every field that this version serves.
    pub fn all_served() -> Self {
        Self::matching(Field::is_served)
    }

    /// What a list without a mask answers.
    pub fn default_list() -> Self {
        Self::matching(|field| field.availability == Availability::Default)
    }

    /// What a request for one thing without a mask answers: everything served that is not heavy to read.
    pub fn default_get() -> Self {
        Self::matching(|field| field.is_served() && field.cost != FieldCost::Heavy)
    }

    /// Every field that is read from this file.
    pub fn from_source(source: &str) -> Self {
        Self::matching(|field| field.source == source)
    }

    /// Compiles a read mask. A name selects itself and everything below it, `*` everything served; no mask, or an empty one,
    /// means `default`.
    ///
    /// # Errors
    /// The first path that the message does not have.
    pub fn from_mask(mask: Option<&FieldMask>, default: Self) -> Result<Self, UnknownPath> {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        if paths.is_empty() {
            return Ok(default);
        }
        paths.iter().enumerate().try_fold(Self::EMPTY, |set, (index, path)| {
            let selected = Self::from_path(path);
            if selected.is_empty() {
                let suggestion = enclosing::<M>(path).or_else(|| closest::<M>(path));
                return Err(UnknownPath { index, path: path.clone(), suggestion });
            }
            Ok(set.union(selected))
        })
    }

    fn from_path(path: &str) -> Self {
        if path == "*" {
            return Self::all_served();
        }
        Self::matching(|field| is_at_or_below(field.path, path))
    }

    /// The read mask that stands for this set: whole messages by their name, parts by theirs.
    pub fn to_mask(self) -> FieldMask {
        let mut paths: Vec<String> = Vec::new();
        for (bit, field) in rows::<M>() {
            if self.bits & bit == 0 {
                continue;
            }
            let root = field.path.split('.').next().unwrap_or(field.path);
            let path = if self.contains(Self::from_path(root)) { root } else { field.path };
            if paths.last().is_none_or(|last| last != path) {
                paths.push(path.to_owned());
            }
        }
        FieldMask { paths }
    }

    /// The rows of the table that are in the set.
    pub fn iter(self) -> impl Iterator<Item = &'static Field> {
        rows::<M>().filter(move |(bit, _)| self.bits & bit != 0).map(|(_, field)| field)
    }
}

fn rows<M: FieldTable>() -> impl Iterator<Item = (u128, &'static Field)> {
    M::FIELDS.iter().enumerate().map(|(index, field)| (1 << index, field))
}

fn is_at_or_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The field that a path is a part of, which is asked for as a whole.
fn enclosing<M: FieldTable>(path: &str) -> Option<&'static str> {
    rows::<M>().map(|(_, field)| field.path).find(|field| *field != path && is_at_or_below(path, field))
}

/// The name that was probably meant.
fn closest<M: FieldTable>(path: &str) -> Option<&'static str> {
    rows::<M>()
        .map(|(_, field)| {
            let leaf = field.path.rsplit('.').next().unwrap_or(field.path);
            let likeness = strsim::jaro_winkler(field.path, path).max(strsim::jaro_winkler(leaf, path) - 0.01);
            (likeness, field.path)
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, path)| path)
}

/// A read mask names a field that the message does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct UnknownPath {
    /// Position in the mask.
    pub index: usize,
    /// The path as it was sent.
    pub path: String,
    /// A field of a similar name.
    pub suggestion: Option<&'static str>,
}

impl fmt::Display for UnknownPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "no field is called {:?}", self.path)?;
        match self.suggestion {
            Some(suggestion) => write!(formatter, "; did you mean {suggestion:?}?"),
            None => Ok(()),
        }
    }
}

// === traits of FieldSet, by hand so that M need not have them ===

impl<M> Clone for FieldSet<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for FieldSet<M> {}

impl<M> Default for FieldSet<M> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<M> PartialEq for FieldSet<M> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}

impl<M> Eq for FieldSet<M> {}

impl<M> std::hash::Hash for FieldSet<M> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bits.hash(state);
    }
}

impl<M: FieldTable> fmt::Debug for FieldSet<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.to_mask().paths).finish()
    }
}

/// Declares a table: a constant per row in `bit`, and the rows in the same order in `FIELDS`.
macro_rules! field_table {
    ($message:ty, $($name:ident = $path:literal from $source:literal $cost:ident $class:ident $availability:ident;)*) => {
        impl $crate::FieldTable for $message {
            const FIELDS: &'static [$crate::Field] = &[$($crate::Field {
                path: $path,
                source: $source,
                cost: $crate::v1::FieldCost::$cost,
                class: $crate::DataClass::$class,
                availability: $crate::Availability::$availability,
            }),*];
        }

        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "a row's constant and its index have one name")]
        #[repr(u8)]
        enum Index { $($name),* }

        /// A set of one field for each row of the table.
        pub mod bit {
            #[allow(unused_imports, reason = "each table uses its own message")]
            use super::*;
            $(
                #[doc = concat!("`", $path, "`")]
                pub const $name: $crate::FieldSet<$message> = $crate::FieldSet::single(Index::$name as u8);
            )*
        }
    };
}
pub(crate) use field_table;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::{process_fields::bit, v1::Process};

    fn mask(paths: &[&str]) -> FieldMask {
        FieldMask { paths: paths.iter().map(ToString::to_string).collect() }
    }

    fn compile(paths: &[&str]) -> Result<FieldSet<Process>, UnknownPath> {
        FieldSet::from_mask(Some(&mask(paths)), FieldSet::default_list())
    }

    #[test]
    fn a_leaf_selects_itself_and_a_message_all_below_it() {
        assert_eq!(compile(&["ppid"]).unwrap(), bit::PPID);
        let memory = compile(&["memory"]).unwrap();
        assert!(memory.contains(bit::MEMORY_RESIDENT_BYTES.union(bit::MEMORY_SWAP_BYTES)));
        assert!(!memory.intersects(bit::MEMORY_RATIO), "memory_ratio is no part of memory");
    }

    #[test]
    fn no_mask_and_an_empty_mask_mean_the_default() {
        assert_eq!(FieldSet::<Process>::from_mask(None, bit::NAME).unwrap(), bit::NAME);
        assert_eq!(compile(&[]).unwrap(), FieldSet::default_list());
    }

    #[test]
    fn an_unknown_path_is_named_with_its_place_and_a_guess() {
        let error = compile(&["pid", "resident_bytes"]).unwrap_err();
        assert_eq!((error.index, error.path.as_str()), (1, "resident_bytes"));
        assert_eq!(error.suggestion, Some("memory.resident_bytes"));
        assert_eq!(compile(&["uids.real"]).unwrap_err().suggestion, Some("uids"), "asked for as a whole");
        assert_eq!(error.to_string(), r#"no field is called "resident_bytes"; did you mean "memory.resident_bytes"?"#);
        for odd in ["", ".", "memory.", "memory.resident_bytes.more", "PID", "cmdline[0]", "**"] {
            assert!(compile(&[odd]).is_err(), "{odd:?} must be unknown");
        }
    }

    #[test]
    fn a_mask_echoes_whole_messages_by_their_name() {
        assert_eq!(compile(&["memory", "name"]).unwrap().to_mask(), mask(&["name", "memory"]));
        assert_eq!(
            compile(&["memory.swap_bytes", "memory.resident_bytes"]).unwrap().to_mask(),
            mask(&["memory.resident_bytes", "memory.swap_bytes"])
        );
    }

    #[test]
    fn every_mask_survives_the_round_trip() {
        for field in Process::FIELDS {
            let set = compile(&[field.path]).unwrap();
            assert_eq!(FieldSet::from_mask(Some(&set.to_mask()), FieldSet::EMPTY).unwrap(), set);
        }
        let all = FieldSet::<Process>::all_served();
        assert_eq!(FieldSet::from_mask(Some(&all.to_mask()), FieldSet::EMPTY).unwrap(), all);
    }
}
