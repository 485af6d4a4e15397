//! Three-valued logic (Kleene's strong one): what cannot be known is neither true nor false, and may still not matter.

/// What is known of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    /// It surely does not hold.
    False,
    /// Not known, or not yet.
    Unknown,
    /// It surely holds.
    True,
}

impl Truth {
    /// All of them hold; nothing holds of itself.
    pub(crate) fn all(statements: impl IntoIterator<Item = Truth>) -> Truth {
        let mut all = Truth::True;
        for statement in statements {
            all = all.min(statement);
            if all == Truth::False {
                break;
            }
        }
        all
    }

    /// At least one of them holds.
    pub(crate) fn any(statements: impl IntoIterator<Item = Truth>) -> Truth {
        let mut any = Truth::False;
        for statement in statements {
            any = any.max(statement);
            if any == Truth::True {
                break;
            }
        }
        any
    }

    /// Both hold.
    pub(crate) fn and(self, other: Truth) -> Truth {
        self.min(other)
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    fn not(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
            Truth::True => Truth::False,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Truth {
        if holds { Truth::True } else { Truth::False }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, False, True, Unknown};

    #[test]
    fn the_tables_are_those_of_kleene() {
        for (left, right, both, either) in [
            (True, True, True, True),
            (True, Unknown, Unknown, True),
            (True, False, False, True),
            (Unknown, Unknown, Unknown, Unknown),
            (Unknown, False, False, Unknown),
            (False, False, False, False),
        ] {
            for (left, right) in [(left, right), (right, left)] {
                assert_eq!((left.and(right), Truth::all([left, right])), (both, both), "{left:?} and {right:?}");
                assert_eq!(Truth::any([left, right]), either, "{left:?} or {right:?}");
            }
        }
        assert_eq!([!True, !Unknown, !False], [False, Unknown, True]);
        assert_eq!((Truth::all([]), Truth::any([])), (True, False));
    }
}
