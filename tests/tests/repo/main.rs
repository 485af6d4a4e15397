//! Rules about this tree: what is generated is fresh, the wire breaks nobody, rooms keep their doors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod generated;
