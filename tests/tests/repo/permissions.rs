//! Every method of the API has exactly one row in the agent's permission table, and nothing else has one.

use std::collections::BTreeSet;

use procwire_agent::access::PERMISSIONS;

use crate::{assert_none, generated};

/// Standard services that the agent serves beside its own.
const STANDARD: &str = "/grpc.health.v1.Health/";

#[test]
fn every_method_has_one_row_in_the_permission_table() {
    let mut methods = BTreeSet::new();
    for file in generated::descriptor_set().file.iter().filter(|file| file.package() == "procwire.v1") {
        for service in &file.service {
            for method in &service.method {
                methods.insert(format!("/procwire.v1.{}/{}", service.name(), method.name()));
            }
        }
    }
    assert!(methods.len() >= 16, "only {} methods", methods.len());
    let mut faults = Vec::new();
    for method in &methods {
        let rows = PERMISSIONS.iter().filter(|row| row.method == method).count();
        if rows != 1 {
            faults.push(format!("{method} has {rows} rows"));
        }
    }
    for row in PERMISSIONS.iter().filter(|row| !row.method.starts_with(STANDARD)) {
        if !methods.contains(row.method) {
            faults.push(format!("{} has a row and does not exist", row.method));
        }
        if !row.served && row.detail.is_empty() {
            faults.push(format!("{} is not served and does not say why", row.method));
        }
    }
    assert_none("permission table", &faults);
}
