//! Which processors share a core.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::procfs::number;

/// Distinct `core_cpus_list` of all processors below `folder`, or, on kernels before 5.3, `thread_siblings_list`. Only online processors
/// have them (drivers/base/topology.c). Nothing where there are none.
pub(super) fn count(folder: &Path) -> Option<u32> {
    let processors = processors(folder);
    ["core_cpus_list", "thread_siblings_list"].into_iter().find_map(|name| {
        let lists: BTreeSet<Vec<u8>> = processors
            .iter()
            .filter_map(|processor| fs::read(processor.join("topology").join(name)).ok())
            .map(|list| list.trim_ascii().to_vec())
            .collect();
        u32::try_from(lists.len()).ok().filter(|count| *count > 0)
    })
}

/// The folders cpu0, cpu1, ...; cpufreq and cpuidle are none of them.
fn processors(folder: &Path) -> Vec<PathBuf> {
    numbered(folder, "cpu").into_iter().map(|(_, path)| path).collect()
}

/// Entries of a folder that are called `prefix` and a number, ascending; none if it cannot be read.
pub(in crate::system) fn numbered(folder: &Path, prefix: &str) -> Vec<(u32, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let digits = name.as_encoded_bytes().strip_prefix(prefix.as_bytes())?;
            let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
            let number = number(digits).filter(|_| is_number).and_then(|number| u32::try_from(number).ok())?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort_unstable();
    found
}
