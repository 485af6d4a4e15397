//! Harness of the end-to-end and differential tests.
