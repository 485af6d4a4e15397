//! Section `sensors`.

use super::{answer::Answer, kept_file::ReadBuffer};
use crate::Host;

pub(super) struct SensorFiles;

impl SensorFiles {
    pub(super) fn new(_host: &Host) -> Self {
        Self
    }

    pub(super) fn read(&mut self, _host: &Host, _buffer: &mut ReadBuffer, _answer: &mut Answer) {}
}
