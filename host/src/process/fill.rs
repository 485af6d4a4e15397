//! From parsed files to the fields of a row. Only what was asked for is set; a column that the kernel did not write is an error of
//! its field.

mod stat;
mod status;

pub(super) use stat::policy;

use procwire_proto::{
    ProcessFieldSet,
    process_fields::bit,
    v1::{FieldError, FieldErrorReason, Process, ProcessIo, ProcessMemory},
};

use super::{plan::ProcessPlan, statm::Statm};
use crate::Machine;

/// A field of a message, the value for it, and where it goes.
type Entry<M> = (ProcessFieldSet, Option<u64>, fn(&mut M) -> &mut Option<u64>);

const NOT_WRITTEN: &str = "the kernel did not write it";

/// One row in the making.
pub(super) struct Row<'a> {
    pub(super) process: &'a mut Process,
    pub(super) plan: &'a ProcessPlan,
    pub(super) machine: &'a Machine,
}

impl Row<'_> {
    pub(super) fn statm(&mut self, statm: &Statm) {
        let page = self.machine.page_size_bytes;
        let bytes = |pages: Option<u64>| pages.and_then(|pages| pages.checked_mul(page));
        let memory: [Entry<ProcessMemory>; 4] = [
            (bit::MEMORY_RESIDENT_BYTES, bytes(statm.resident_pages), |memory| &mut memory.resident_bytes),
            (bit::MEMORY_SHARED_BYTES, bytes(statm.shared_pages), |memory| &mut memory.shared_bytes),
            (bit::MEMORY_TEXT_BYTES, bytes(statm.text_pages), |memory| &mut memory.text_bytes),
            (bit::MEMORY_DATA_BYTES, bytes(statm.data_pages), |memory| &mut memory.data_bytes),
        ];
        self.fill(&memory, |process| process.memory.get_or_insert_default());
    }

    pub(super) fn io(&mut self, read: &ProcessIo) {
        let io: [Entry<ProcessIo>; 7] = [
            (bit::IO_READ_CALLS, read.read_calls, |io| &mut io.read_calls),
            (bit::IO_WRITE_CALLS, read.write_calls, |io| &mut io.write_calls),
            (bit::IO_READ_BYTES, read.read_bytes, |io| &mut io.read_bytes),
            (bit::IO_WRITE_BYTES, read.write_bytes, |io| &mut io.write_bytes),
            (bit::IO_READ_CALL_BYTES, read.read_call_bytes, |io| &mut io.read_call_bytes),
            (bit::IO_WRITE_CALL_BYTES, read.write_call_bytes, |io| &mut io.write_call_bytes),
            (bit::IO_CANCELLED_WRITE_BYTES, read.cancelled_write_bytes, |io| &mut io.cancelled_write_bytes),
        ];
        self.fill(&io, |process| process.io.get_or_insert_default());
    }

    /// Sets the entries that were asked for; the message is made only if one was.
    fn fill<M>(&mut self, entries: &[Entry<M>], message: fn(&mut Process) -> &mut M) {
        for (field, value, place) in entries {
            if self.plan.wants(*field) {
                let value = self.checked(*field, *value);
                *place(message(self.process)) = value;
            }
        }
    }

    fn checked<T>(&mut self, field: ProcessFieldSet, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.absent(field, FieldErrorReason::Unsupported, NOT_WRITTEN);
        }
        value
    }

    /// A message that is asked for as a whole: what the kernel did not write of it is named part by part; `None`, and one error, if it
    /// wrote nothing.
    fn message<M: Default + PartialEq>(
        &mut self,
        field: ProcessFieldSet,
        message: M,
        parts: &[(&str, bool)],
    ) -> Option<Box<M>> {
        if message == M::default() {
            return self.checked(field, None);
        }
        for (path, _) in parts.iter().filter(|(_, is_there)| !is_there) {
            let detail = NOT_WRITTEN.to_owned();
            let reason = FieldErrorReason::Unsupported.into();
            self.process.errors.push(FieldError { path: (*path).to_owned(), reason, detail });
        }
        Some(Box::new(message))
    }

    /// Says why fields are absent.
    pub(super) fn absent(&mut self, fields: ProcessFieldSet, reason: FieldErrorReason, detail: &str) {
        for path in self.plan.fields().intersection(fields).to_mask().paths {
            self.process.errors.push(FieldError { path, reason: reason.into(), detail: detail.to_owned() });
        }
    }
}
