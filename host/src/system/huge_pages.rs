//! Pools of huge pages.

use super::{answer::Answer, kept_file::ReadBuffer};
use crate::Host;

pub(super) struct HugePages;

impl HugePages {
    pub(super) fn new(_host: &Host) -> Self {
        Self
    }

    pub(super) fn read(&mut self, _host: &Host, _buffer: &mut ReadBuffer, _answer: &mut Answer) {}
}
