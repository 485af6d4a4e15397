//! The lines that join a process to its parent.

/// What a tree is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strokes {
    /// Before a process that has siblings after it.
    fork: &'static str,
    /// Before the last of siblings.
    corner: &'static str,
    /// Below a process that has siblings after it.
    passing: &'static str,
    /// Below the last of siblings.
    empty: &'static str,
    /// In place of levels that are not drawn.
    more: &'static str,
}

impl Strokes {
    const UNICODE: Self = Self { fork: "├─ ", corner: "└─ ", passing: "│  ", empty: "   ", more: "… " };
    const ASCII: Self = Self { fork: "|- ", corner: "`- ", passing: "|  ", empty: "   ", more: "... " };

    /// Lines where the locale has them, by LC_ALL, LC_CTYPE and LANG in this order, as locale(7) says.
    pub(crate) fn of_locale(ascii: bool) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = variable("LC_ALL").or_else(|| variable("LC_CTYPE")).or_else(|| variable("LANG"));
        if ascii || !locale.as_deref().is_some_and(is_unicode) { Self::ASCII } else { Self::UNICODE }
    }
}

fn is_unicode(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Draws the lines, process by process, depth first.
#[derive(Debug)]
pub(crate) struct Branches {
    strokes: Strokes,
    /// Of each process above the next: whether it was the last of its siblings.
    above: Vec<bool>,
    /// Levels drawn at most; more would leave no room for what they lead to.
    most_levels: usize,
}

/// Without a width: no chain of processes makes lines longer and longer.
const MOST_LEVELS: usize = 64;

impl Branches {
    /// For a column of a terminal so wide.
    pub(crate) fn new(strokes: Strokes, width: Option<u16>) -> Self {
        const STROKE_WIDTH: usize = 3;
        let most_levels = width.map_or(MOST_LEVELS, |width| usize::from(width) / 2 / STROKE_WIDTH);
        Self { strokes, above: Vec::new(), most_levels: most_levels.clamp(4, MOST_LEVELS) }
    }

    /// What stands before the next process.
    pub(crate) fn next(&mut self, depth: usize, is_last: bool) -> String {
        self.above.truncate(depth);
        let mut line = String::new();
        // A root hangs on nothing.
        let levels = self.above.get(1..).unwrap_or_default();
        let skipped = (levels.len() + 1).saturating_sub(self.most_levels);
        if skipped > 0 {
            line.push_str(self.strokes.more);
        }
        for was_last in levels.iter().skip(skipped) {
            line.push_str(if *was_last { self.strokes.empty } else { self.strokes.passing });
        }
        if depth > 0 {
            line.push_str(if is_last { self.strokes.corner } else { self.strokes.fork });
        }
        self.above.push(is_last);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(strokes: Strokes, width: Option<u16>, nodes: &[(usize, bool)]) -> Vec<String> {
        let mut branches = Branches::new(strokes, width);
        nodes.iter().map(|(depth, is_last)| branches.next(*depth, *is_last)).collect()
    }

    #[test]
    fn lines_join_children_to_their_parents() {
        let nodes = [(0, false), (1, false), (2, false), (2, true), (1, true), (2, true), (0, true), (1, true)];
        assert_eq!(drawn(Strokes::UNICODE, None, &nodes), ["", "├─ ", "│  ├─ ", "│  └─ ", "└─ ", "   └─ ", "", "└─ "]);
        assert_eq!(drawn(Strokes::ASCII, None, &nodes)[1..4], ["|- ", "|  |- ", "|  `- "]);
    }

    #[test]
    fn a_deep_chain_keeps_its_last_levels() {
        let nodes: Vec<_> = (0..1000).map(|depth| (depth, true)).collect();
        for (width, levels) in [(Some(80), 13), (None, 64), (Some(1), 4)] {
            let drawn = drawn(Strokes::UNICODE, width, &nodes);
            let last = drawn.last().map(String::as_str).unwrap_or_default();
            assert!(last.starts_with("… ") && last.ends_with("└─ "), "{last}");
            assert_eq!(last.chars().count(), 2 + 3 * levels);
        }
    }

    #[test]
    fn the_locale_tells_whether_lines_can_be_shown() {
        assert!(is_unicode("de_DE.UTF-8") && is_unicode("C.utf8"));
        assert!(!is_unicode("C") && !is_unicode("de_DE@euro"));
        assert_eq!(Strokes::of_locale(true), Strokes::ASCII);
    }
}
