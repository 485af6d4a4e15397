//! What was aimed at, and whether it holds.

/// Collects what was missed.
#[derive(Default)]
pub struct Report {
    missed: Vec<String>,
}

/// What a value must be.
#[derive(Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Report {
    /// A value that is aimed at.
    pub fn target(&mut self, what: &str, value: f64, bound: Bound) {
        let (holds, words, wanted) = match bound {
            Bound::AtMost(most) => (value <= most, "at most", most),
            Bound::AtLeast(least) => (value >= least, "at least", least),
        };
        let verdict = if holds { "holds" } else { "MISSED" };
        println!("{what:56} {value:9.2}   {words} {wanted:<6} {verdict}");
        if !holds {
            self.missed.push(what.to_owned());
        }
    }

    /// A value that is only told.
    pub fn line(&self, what: &str, value: f64) {
        println!("{what:56} {value:9.2}");
    }

    /// True if a target was missed; they are named once more.
    pub fn has_misses(&self) -> bool {
        if !self.missed.is_empty() {
            println!("\nmissed: {}", self.missed.join("; "));
        }
        !self.missed.is_empty()
    }
}
