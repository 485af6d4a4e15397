//! `/etc/passwd`: passwd(5).

use crate::procfs::number;

/// The entries of a passwd file as (uid, name); a line that is none is passed over. Of two entries with one uid the first counts,
/// as in getpwuid(3), which is why they come last first.
pub(super) fn entries(text: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    text.rsplit(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(b"#"))?;
        let uid = fields.nth(1).filter(|uid| uid.iter().all(u8::is_ascii_digit)).and_then(number)?;
        Some((u32::try_from(uid).ok()?, name))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn odd_lines_are_passed_over_and_the_first_of_two_counts() {
        let text = b"root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\n# c:x:5:5\n:x:6:6\n+::::::\nbad\nx:x:no:1\nbig:x:4294967296:1\na\xff:x:7:7::/:";
        let entries: HashMap<_, _> = entries(text).collect();
        assert_eq!(entries, HashMap::from([(0, &b"root"[..]), (7, &b"a\xff"[..])]));
    }
}
