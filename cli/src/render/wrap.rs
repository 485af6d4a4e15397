//! Text over several lines.

/// Breaks a text at its spaces; a word that is longer than a line has one of its own.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
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
    }
}
