//! Section `gpus`: graphics processors by sysfs, and by NVIDIA's driver and its library where they are there.

mod card;
mod library;
mod nvidia;
mod sleep;

use std::os::unix::ffi::OsStrExt as _;

use procwire_proto::{
    system_fields::bit,
    v1::{FieldErrorReason, Gpu},
};

use self::{card::Card, nvidia::Nvidia};
use super::{
    answer::Answer,
    attribute::AttributeText,
    class_folder::{ClassFolder, number_after},
};
use crate::Host;

/// The cards of a host, with the files of their drivers open.
pub(super) struct Gpus {
    folder: ClassFolder,
    cards: Vec<Card>,
    nvidia: Nvidia,
}

impl Gpus {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            folder: ClassFolder::new(host.roots().sys.join("class/drm")),
            cards: Vec::new(),
            nvidia: Nvidia::new(host.roots()),
        }
    }

    pub(super) fn read(&mut self, answer: &mut Answer) {
        if !answer.wants(bit::GPUS) {
            return;
        }
        let graphics = self.folder.look(|name| number_after(b"card", name).is_some());
        match &graphics {
            Ok(true) => self.cards = self.folder.devices().map(|device| Card::of(&device)).collect(),
            Ok(false) => {}
            Err(_) => self.cards.clear(),
        }
        let mut text = AttributeText::new();
        let mut rows: Vec<Gpu> = self.cards.iter_mut().map(|card| card.read(&mut text)).collect();
        let has_driver = self.nvidia.add(&mut rows, &mut text, answer);
        match graphics {
            // A driver without a graphics card for the kernel: a server that computes.
            Err(error) if !has_driver => answer.unreadable(bit::GPUS, &error),
            _ => {}
        }
        answer.system.gpus = rows;
    }
}

/// The text of a file that is a name, if it is one.
fn last_component(path: &std::path::Path) -> Option<Vec<u8>> {
    path.file_name().map(|name| name.as_bytes().to_vec())
}

/// Adds why a field of a card is absent.
fn report(row: &mut Gpu, field: &str, reason: FieldErrorReason, detail: String) {
    let path = field.to_owned();
    row.errors.push(procwire_proto::v1::FieldError { path, reason: reason.into(), detail });
}

#[cfg(test)]
mod tests;
