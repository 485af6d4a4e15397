//! Everyone takes turns in one run, so that a machine that slows down slows them all; what counts are the ratios.

use std::fmt::Display;

/// Something that is timed by turns.
pub trait Contest {
    type Contender: Copy + PartialEq + Display;

    /// One turn of one of them; what it cost, in whatever unit.
    fn turn(&mut self, contender: Self::Contender) -> f64;
}

/// What the turns cost.
pub struct Turns<C> {
    rows: Vec<(C, Vec<f64>)>,
}

impl<C: Copy + PartialEq + Display> Turns<C> {
    /// A round to warm up, then the rounds that count.
    pub fn take(contest: &mut impl Contest<Contender = C>, contenders: &[C], rounds: u32) -> Self {
        let mut rows: Vec<_> = contenders.iter().map(|contender| (*contender, Vec::new())).collect();
        for round in 0..=rounds {
            for (contender, costs) in &mut rows {
                let cost = contest.turn(*contender);
                if round > 0 {
                    costs.push(cost);
                }
            }
        }
        Self { rows }
    }

    /// Least and median of each, and the medians as multiples of one and as fractions of another.
    pub fn print(&self, title: &str, unit: &str, floor: C, peer: C) {
        println!("\n{title:48} {:>9} {:>9} {:>9} {:>9}", "min", "median", "x first", "peer/x");
        println!("{:48} {unit:>19}   first: {floor}; peer: {peer}", "");
        let (floor, peer) = (self.median(floor), self.median(peer));
        for (contender, costs) in &self.rows {
            let middle = self.median(*contender);
            let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
            println!("{contender:48} {least:9.2} {middle:9.2} {:9.2} {:9.1}", middle / floor, peer / middle);
        }
        println!();
    }

    /// The median of the ratios turn by turn: neighbours in time meet the same machine.
    pub fn ratio(&self, above: C, below: C) -> f64 {
        let pairs = self.costs(above).iter().zip(self.costs(below));
        middle(pairs.map(|(above, below)| above / below).collect())
    }

    fn median(&self, contender: C) -> f64 {
        middle(self.costs(contender).to_vec())
    }

    fn costs(&self, contender: C) -> &[f64] {
        self.rows.iter().find(|(row, _)| *row == contender).map(|(_, costs)| costs.as_slice()).unwrap()
    }
}

/// The median.
pub fn middle(values: Vec<f64>) -> f64 {
    percentile(values, 50)
}

/// The value that so many percent of the values do not exceed.
pub fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() * percent / 100).min(values.len() - 1);
    values.get(index).copied().unwrap()
}
