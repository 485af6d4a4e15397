//! One row: what the files of a group say.

mod cpu;
mod io;
mod memory;

use std::ffi::CStr;

use procwire_proto::{
    CgroupFieldSet,
    cgroup_fields::bit,
    v1::{Cgroup, CgroupPids, Pressure, PressureResource},
};
use rustix::io::Errno;

use super::{
    cause::{Cause, Causes},
    files::{Files, Remembered},
    hierarchy::{Home, Homes, Tree},
    limits::{Limit, Limits},
    parse,
};
use crate::{Machine, system::pressure_text};

/// For files that are there without any controller.
const ANY_CONTROLLER: &str = "";

/// A row in the making.
pub(super) struct Filler<'a, F> {
    pub(super) files: Remembered<'a, F>,
    pub(super) trees: &'a [Tree],
    pub(super) homes: Homes,
    pub(super) machine: &'a Machine,
    pub(super) fields: CgroupFieldSet,
    /// Of the groups above.
    pub(super) above: Limits,
    row: Cgroup,
    causes: Causes,
    /// cgroup.controllers, once it was read.
    in_force: Option<Vec<u8>>,
    /// Whether it is the root of the unified tree, once somebody wanted to know.
    is_root: Option<bool>,
}

/// A row, and what else came of reading it.
pub(super) struct Filled {
    pub(super) row: Cgroup,
    /// A file was not there: look whether the group still is.
    pub(super) may_be_gone: bool,
}

/// What a missing file means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// That there is nothing to say: no limit, no events of the root.
    Nothing,
    /// That something cannot be said.
    Unsaid,
}

impl<'a, F: Files> Filler<'a, F> {
    pub(super) fn new(
        files: &'a mut F,
        (trees, homes): (&'a [Tree], Homes),
        machine: &'a Machine,
        fields: CgroupFieldSet,
        above: Limits,
    ) -> Self {
        let (row, causes) = Default::default();
        Self {
            files: Remembered::new(files),
            trees,
            homes,
            machine,
            fields,
            above,
            row,
            causes,
            in_force: None,
            is_root: None,
        }
    }

    pub(super) fn fill(mut self) -> Filled {
        self.cpu();
        self.memory();
        self.io();
        self.pids();
        self.pressure();
        self.state();
        self.controllers();
        let may_be_gone = self.causes.hint_at_removal();
        self.row.errors = self.causes.into_errors(self.fields);
        Filled { row: self.row, may_be_gone }
    }

    fn wants(&self, fields: CgroupFieldSet) -> bool {
        self.fields.intersects(fields)
    }

    /// Where the files of a controller are for this group; if nowhere, says why these fields are absent.
    fn place_of(&mut self, home: Home, controller: &'static str, fields: CgroupFieldSet) -> Option<usize> {
        let cause = match home.place() {
            None => Cause::Unseen(controller),
            Some(place) if !self.files.is_in(place) => Cause::NotInTree(controller),
            place => return place,
        };
        self.causes.add(fields, cause);
        None
    }

    /// What a file says. If it says nothing, these fields are absent, and why is noted.
    fn take<T>(
        &mut self,
        (place, controller, name): (usize, &'static str, &'static CStr),
        fields: CgroupFieldSet,
        missing: Missing,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<T> {
        if self.wants(fields) { self.take_unasked((place, controller, name), fields, missing, parse) } else { None }
    }

    /// The same, whether the fields were asked for or not.
    fn take_unasked<T>(
        &mut self,
        (place, controller, name): (usize, &'static str, &'static CStr),
        fields: CgroupFieldSet,
        missing: Missing,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let cause = match self.files.parsed(place, name, parse) {
            Some(Ok(value)) => return Some(value),
            Some(Err(Errno::NOENT)) if missing == Missing::Nothing => return None,
            Some(Err(Errno::NOENT)) => self.why_missing(place, controller, name),
            Some(Err(errno)) => Cause::Failed(name, errno),
            None => Cause::Malformed(name),
        };
        self.causes.add(fields, cause);
        None
    }

    /// A limit of this group: [`Limit::Unknown`] if it cannot be read, and why is noted for these fields.
    fn limit<T>(
        &mut self,
        name: &'static CStr,
        fields: CgroupFieldSet,
        reading: Option<Result<Limit<T>, Errno>>,
    ) -> Limit<T> {
        match reading {
            Some(Ok(limit)) => limit,
            Some(Err(Errno::NOENT)) => Limit::Unlimited,
            Some(Err(errno)) => {
                self.causes.add(fields, Cause::Failed(name, errno));
                Limit::Unknown
            }
            None => {
                self.causes.add(fields, Cause::Malformed(name));
                Limit::Unknown
            }
        }
    }

    /// The least of a limit and that of the groups above, if there is one.
    fn effective<T: PartialOrd + Copy>(&mut self, own: Limit<T>, above: Limit<T>, field: CgroupFieldSet) -> Option<T> {
        if above == Limit::Unknown && own != Limit::Unknown {
            self.causes.add(field, Cause::AboveUnknown);
        }
        own.least(above).value()
    }

    fn why_missing(&mut self, place: usize, controller: &'static str, name: &'static CStr) -> Cause {
        if self.trees.get(place).is_some_and(|tree| !tree.controllers.is_empty()) {
            return Cause::NoFile(name);
        }
        if controller == ANY_CONTROLLER {
            return Cause::NoFile(name);
        }
        if self.is_root(place) {
            return Cause::RootGroup;
        }
        let is_in_force = self.in_force(place).split(u8::is_ascii_whitespace).any(|word| word == controller.as_bytes());
        if is_in_force { Cause::NoFile(name) } else { Cause::NotInForce(controller) }
    }

    /// Every group but the root has cgroup.events.
    fn is_root(&mut self, place: usize) -> bool {
        if self.is_root.is_none() {
            self.is_root = Some(matches!(self.files.read(place, c"cgroup.events"), Err(Errno::NOENT)));
        }
        self.is_root == Some(true)
    }

    fn in_force(&mut self, place: usize) -> &[u8] {
        let files = &mut self.files;
        self.in_force.get_or_insert_with(|| files.read(place, c"cgroup.controllers").unwrap_or_default().to_vec())
    }

    fn pids(&mut self) {
        if !self.wants(bit::PIDS) {
            return;
        }
        let above = self.above.pids;
        let Some(place) = self.place_of(self.homes.pids, "pids", bit::PIDS) else {
            if let Some(limit) = above.value() {
                self.row.pids = Some(CgroupPids { effective_limit: Some(limit), ..CgroupPids::default() });
            }
            return;
        };
        let file = |name| (place, "pids", name);
        let current = self.take(file(c"pids.current"), bit::PIDS, Missing::Unsaid, parse::single);
        let reading = self.files.parsed(place, c"pids.max", parse::limit);
        let limit = self.limit(c"pids.max", bit::PIDS, reading);
        let hits = |text: &[u8]| parse::keyed(text, b"max");
        let limit_hits = self.take(file(c"pids.events"), bit::PIDS, Missing::Unsaid, hits);
        let effective_limit = self.effective(limit, above, bit::PIDS);
        let pids = CgroupPids { current, limit: limit.value(), effective_limit, limit_hits };
        self.row.pids = Some(pids).filter(|pids| *pids != CgroupPids::default());
    }

    /// v1 trees tell of no stalls. Where interrupts are not accounted for there is no irq.pressure, and nothing to say.
    fn pressure(&mut self) {
        if !self.wants(bit::PRESSURE) {
            return;
        }
        let Some(place) = self.homes.unified.filter(|place| self.files.is_in(*place)) else {
            return self.causes.add(bit::PRESSURE, Cause::NoUnified);
        };
        let mut read = |name, missing| {
            let parse = |text: &[u8]| Some(pressure_text(text)).filter(|read| *read != PressureResource::default());
            self.take((place, ANY_CONTROLLER, name), bit::PRESSURE, missing, parse)
        };
        let pressure = Pressure {
            cpu: read(c"cpu.pressure", Missing::Unsaid),
            memory: read(c"memory.pressure", Missing::Unsaid),
            io: read(c"io.pressure", Missing::Unsaid),
            irq: read(c"irq.pressure", Missing::Nothing),
        };
        self.row.pressure = Some(pressure).filter(|pressure| *pressure != Pressure::default());
    }

    /// Whether somebody lives in it, and whether it is frozen: of the root, and of v1 trees as far as they do not know, nothing is said.
    fn state(&mut self) {
        if let Some(place) = self.homes.unified.filter(|place| self.files.is_in(*place)) {
            let file = (place, ANY_CONTROLLER, c"cgroup.events");
            let populated = |text: &[u8]| parse::keyed_flag(text, b"populated");
            self.row.populated = self.take(file, bit::POPULATED, Missing::Nothing, populated);
            // Kernel 5.2.
            let frozen = |text: &[u8]| match parse::keyed(text, b"frozen") {
                None if memchr::memmem::find(text, b"frozen").is_none() => Some(None),
                _ => parse::keyed_flag(text, b"frozen").map(Some),
            };
            self.row.frozen = match self.take(file, bit::FROZEN, Missing::Nothing, frozen) {
                Some(None) => {
                    self.causes.add(bit::FROZEN, Cause::NoLine(c"cgroup.events", "frozen"));
                    None
                }
                known => known.flatten(),
            };
        }
        let Some(place) = self.homes.freezer.filter(|place| self.files.is_in(*place)) else { return };
        let state = |text: &[u8]| match text.trim_ascii() {
            b"FROZEN" => Some(true),
            b"THAWED" | b"FREEZING" => Some(false),
            _ => None,
        };
        let frozen = self.take((place, "freezer", c"freezer.state"), bit::FROZEN, Missing::Nothing, state);
        self.row.frozen = match (self.row.frozen, frozen) {
            (Some(one), Some(other)) => Some(one || other),
            (one, other) => one.or(other),
        };
    }

    fn controllers(&mut self) {
        if !self.wants(bit::CONTROLLERS) {
            return;
        }
        if let Some(place) = self.homes.unified.filter(|place| self.files.is_in(*place)) {
            let names = |text: &[u8]| {
                std::str::from_utf8(text).ok().map(|text| text.split_whitespace().map(str::to_owned).collect())
            };
            let names: Option<Vec<String>> =
                self.take((place, ANY_CONTROLLER, c"cgroup.controllers"), bit::CONTROLLERS, Missing::Unsaid, names);
            self.row.controllers = names.unwrap_or_default();
        }
        for (place, tree) in self.trees.iter().enumerate() {
            let names = tree.controllers.split(|byte| *byte == b',');
            let is_named = tree.controllers.is_empty() || tree.controllers.starts_with(b"name=");
            if !is_named && self.files.is_in(place) {
                self.row.controllers.extend(names.map(|name| String::from_utf8_lossy(name).into_owned()));
            }
        }
    }
}
