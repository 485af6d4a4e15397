//! In what sizes are printed: as people read them, or in one unit for all.

use clap::{ArgAction, Args};

use crate::render::units;

/// In what sizes are printed, as typed.
#[derive(Clone, Debug, Default, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
#[group(multiple = false)]
pub(crate) struct SizeArgs {
    /// Sizes in bytes
    #[arg(short, long, help_heading = "Sizes")]
    bytes: bool,
    /// Sizes in KiB, rounded down
    #[arg(short, long, help_heading = "Sizes")]
    kibi: bool,
    /// Sizes in MiB, rounded down
    #[arg(short, long, help_heading = "Sizes")]
    mebi: bool,
    /// Sizes in GiB, rounded down
    #[arg(short, long, help_heading = "Sizes")]
    gibi: bool,
    /// Sizes as people read them: taken out of habit, for they are without any of these
    #[arg(short = 'h', long, help_heading = "Sizes")]
    human: bool,
}

/// `--help` without its short form, which means "human" to hands that know `free` and `df`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct LongHelp {
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// In what a size is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SizeUnit {
    /// As people read it: `3.4M`.
    Human,
    /// A whole number of so many bytes, rounded down.
    Whole(u64),
}

impl SizeArgs {
    /// What is meant.
    pub(crate) fn unit(&self) -> SizeUnit {
        match (self.bytes, self.kibi, self.mebi, self.gibi) {
            (true, ..) => SizeUnit::Whole(1),
            (_, true, ..) => SizeUnit::Whole(1 << 10),
            (_, _, true, _) => SizeUnit::Whole(1 << 20),
            (_, _, _, true) => SizeUnit::Whole(1 << 30),
            _ => SizeUnit::Human,
        }
    }
}

impl SizeUnit {
    /// A size for a column.
    pub(crate) fn show(self, bytes: u64) -> String {
        match self {
            Self::Human => units::bytes_short(bytes),
            Self::Whole(unit) => bytes.checked_div(unit).unwrap_or(bytes).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people_unless_a_unit_was_named() {
        let typed = SizeArgs { mebi: true, ..SizeArgs::default() };
        let shown = |unit: SizeUnit| unit.show(3_565_158);
        assert_eq!(shown(SizeArgs::default().unit()), "3.4M");
        assert_eq!(shown(SizeArgs { human: true, ..SizeArgs::default() }.unit()), "3.4M");
        assert_eq!(shown(typed.unit()), "3");
        assert_eq!(shown(SizeArgs { bytes: true, ..SizeArgs::default() }.unit()), "3565158");
        assert_eq!(shown(SizeArgs { kibi: true, ..SizeArgs::default() }.unit()), "3481");
        assert_eq!(shown(SizeArgs { gibi: true, ..SizeArgs::default() }.unit()), "0");
    }
}
