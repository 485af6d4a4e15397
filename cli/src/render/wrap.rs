//! Text over several lines.

use unicode_width::UnicodeWidthStr as _;

/// Breaks a text at its spaces; a word that is longer than a line has one of its own.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_broken_at_spaces() {
        assert_eq!(wrap("one two  three", 8), ["one two ", "three"]);
        assert_eq!(wrap("longerthanwide x", 4), ["longerthanwide", "x"]);
        assert_eq!(wrap("", 7), [""]);
        assert_eq!(wrap("日本語 日本語", 12), ["日本語", "日本語"], "each is as wide as two letters");
    }
}
