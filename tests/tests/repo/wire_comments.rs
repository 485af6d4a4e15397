//! Every name on the wire is documented where it is declared.

use std::collections::HashSet;

use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, source_code_info::Location};

use crate::{assert_none, generated};

// Field numbers of descriptor.proto, which is how a location names a declaration.
const FILE_MESSAGES: i32 = 4;
const FILE_ENUMS: i32 = 5;
const FILE_SERVICES: i32 = 6;
const MESSAGE_FIELDS: i32 = 2;
const MESSAGE_MESSAGES: i32 = 3;
const MESSAGE_ENUMS: i32 = 4;
const MESSAGE_ONEOFS: i32 = 8;
const ENUM_VALUES: i32 = 2;
const SERVICE_METHODS: i32 = 2;

#[test]
fn every_message_field_enum_value_and_method_has_a_comment() {
    let mut faults = Vec::new();
    let mut declarations = 0;
    for file in generated::descriptor_set().file.iter().filter(|file| file.package() == "procwire.v1") {
        let commented: HashSet<_> =
            file.source_code_info.iter().flat_map(|info| &info.location).filter_map(commented).collect();
        for (path, name) in declarations_of(file) {
            declarations += 1;
            if !commented.contains(&path) {
                faults.push(format!("{}: {name}", file.name()));
            }
        }
    }
    assert!(declarations > 500, "only {declarations} declarations were looked at");
    assert_none("declared without a comment", &faults);
}

fn commented(location: &Location) -> Option<Vec<i32>> {
    let text = location.leading_comments.as_deref().or(location.trailing_comments.as_deref())?;
    (text.trim().len() >= 3).then(|| location.path.clone())
}

type Declaration = (Vec<i32>, String);

fn declarations_of(file: &FileDescriptorProto) -> Vec<Declaration> {
    let mut found = Vec::new();
    for (index, message) in (0..).zip(&file.message_type) {
        messages(&[FILE_MESSAGES, index], "", message, &mut found);
    }
    for (index, enumeration) in (0..).zip(&file.enum_type) {
        enumerations(&[FILE_ENUMS, index], "", enumeration, &mut found);
    }
    for (index, service) in (0..).zip(&file.service) {
        let path = vec![FILE_SERVICES, index];
        for (index, method) in (0..).zip(&service.method) {
            found.push((below(&path, SERVICE_METHODS, index), format!("{}.{}", service.name(), method.name())));
        }
        found.push((path, service.name().to_owned()));
    }
    found
}

fn messages(path: &[i32], scope: &str, message: &DescriptorProto, found: &mut Vec<Declaration>) {
    let name = format!("{scope}{}", message.name());
    let inside = format!("{name}.");
    for (index, field) in (0..).zip(&message.field) {
        found.push((below(path, MESSAGE_FIELDS, index), format!("{inside}{}", field.name())));
    }
    for (index, oneof) in (0..).zip(&message.oneof_decl) {
        // `optional` declares a oneof of its own, which nobody wrote.
        if !oneof.name().starts_with('_') {
            found.push((below(path, MESSAGE_ONEOFS, index), format!("{inside}{}", oneof.name())));
        }
    }
    for (index, nested) in (0..).zip(&message.nested_type) {
        messages(&below(path, MESSAGE_MESSAGES, index), &inside, nested, found);
    }
    for (index, nested) in (0..).zip(&message.enum_type) {
        enumerations(&below(path, MESSAGE_ENUMS, index), &inside, nested, found);
    }
    found.push((path.to_vec(), name));
}

fn enumerations(path: &[i32], scope: &str, enumeration: &EnumDescriptorProto, found: &mut Vec<Declaration>) {
    for (index, value) in (0..).zip(&enumeration.value) {
        found.push((below(path, ENUM_VALUES, index), format!("{scope}{}", value.name())));
    }
    found.push((path.to_vec(), format!("{scope}{}", enumeration.name())));
}

fn below(path: &[i32], kind: i32, index: i32) -> Vec<i32> {
    [path, &[kind, index][..]].concat()
}
