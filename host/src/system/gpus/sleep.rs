//! Whether a card sleeps: runtime power management (Documentation/ABI/testing/sysfs-devices-power).

use std::path::Path;

use super::super::attribute::{Attribute, AttributeText};

/// Why something of a card that sleeps is absent.
pub(super) const ASLEEP: &str = "the card sleeps, and reading this would wake it";

/// The files of a device that tell.
pub(super) struct Sleep {
    status: Attribute,
    control: Attribute,
}

impl Sleep {
    pub(super) fn of(device: &Path) -> Self {
        let file = |name: &str| Attribute::new(device.join("power").join(name));
        Self { status: file("runtime_status"), control: file("control") }
    }

    pub(super) fn is_now(&mut self, text: &mut AttributeText) -> bool {
        self.status.read(text).is_ok_and(|status| status == b"suspended")
    }

    /// True if the kernel puts it to sleep when nobody uses it.
    pub(super) fn may_be(&mut self, text: &mut AttributeText) -> bool {
        self.control.read(text).is_ok_and(|control| control == b"auto")
    }
}
