//! The wire breaks nobody: against the descriptors of the last release, additions only.
//! `PROCWIRE_BLESS_RELEASE=1 cargo test -p procwire-tests --test repo` makes today's wire the baseline (`just release-baseline`).

use std::{collections::BTreeMap, fs, path::PathBuf};

use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
};

use crate::{assert_none, root};

#[test]
fn the_wire_breaks_nobody_since_the_baseline() {
    let baseline_path: PathBuf = root().join("tests/baseline/procwire.v1.fds");
    let today = fs::read(root().join("proto/src/generated/procwire.v1.fds")).unwrap();
    if std::env::var_os("PROCWIRE_BLESS_RELEASE").is_some() {
        fs::write(&baseline_path, &today).unwrap();
    }
    let baseline = FileDescriptorSet::decode(fs::read(&baseline_path).unwrap().as_slice()).unwrap();
    let today = FileDescriptorSet::decode(today.as_slice()).unwrap();
    assert_none("breaks clients of the last release", &breaks(&baseline, &today));
}

/// What a client made from `before` would trip over when it meets `after`.
fn breaks(before: &FileDescriptorSet, after: &FileDescriptorSet) -> Vec<String> {
    let (before, after) = (Wire::of(before), Wire::of(after));
    let mut faults = Vec::new();
    compare("field", &before.fields, &after.fields, &mut faults);
    compare("enum value", &before.enum_values, &after.enum_values, &mut faults);
    compare("method", &before.methods, &after.methods, &mut faults);
    for message in before.messages.iter().filter(|message| !after.messages.contains(message)) {
        faults.push(format!("message {message} was removed"));
    }
    faults
}

/// Everything that bytes or JSON depend on, by what stays: the number of a field, the name of a method.
#[derive(Default)]
struct Wire {
    messages: Vec<String>,
    fields: BTreeMap<String, String>,
    enum_values: BTreeMap<String, String>,
    methods: BTreeMap<String, String>,
}

impl Wire {
    fn of(set: &FileDescriptorSet) -> Self {
        let mut wire = Self::default();
        for file in set.file.iter().filter(|file| file.package().starts_with("procwire.")) {
            for message in &file.message_type {
                wire.add_message(file.package(), message);
            }
            for enumeration in &file.enum_type {
                wire.add_enum(file.package(), enumeration);
            }
            for service in &file.service {
                for method in &service.method {
                    let name = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    wire.methods.insert(name, signature(method));
                }
            }
        }
        wire
    }

    fn add_message(&mut self, scope: &str, message: &DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        for field in &message.field {
            self.fields.insert(format!("{name} = {}", field.number()), shape(message, field));
        }
        for nested in &message.nested_type {
            self.add_message(&name, nested);
        }
        for nested in &message.enum_type {
            self.add_enum(&name, nested);
        }
        self.messages.push(name);
    }

    fn add_enum(&mut self, scope: &str, enumeration: &EnumDescriptorProto) {
        for value in &enumeration.value {
            let key = format!("{scope}.{} = {}", enumeration.name(), value.number());
            self.enum_values.insert(key, value.name().to_owned());
        }
    }
}

fn shape(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let choice = field.oneof_index.and_then(|index| message.oneof_decl.get(usize::try_from(index).unwrap()));
    format!(
        "{} (json {}) {:?} {:?} {} in {}",
        field.name(),
        field.json_name(),
        field.label(),
        field.r#type(),
        field.type_name(),
        choice.map_or("no oneof", |choice| choice.name()),
    )
}

fn signature(method: &MethodDescriptorProto) -> String {
    let stream = |yes| if yes { "stream " } else { "" };
    let (from, to) = (stream(method.client_streaming()), stream(method.server_streaming()));
    format!("({from}{}) returns ({to}{})", method.input_type(), method.output_type())
}

fn compare(kind: &str, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, faults: &mut Vec<String>) {
    for (key, old) in before {
        match after.get(key) {
            None => faults.push(format!("{kind} {key} ({old}) was removed")),
            Some(new) if new != old => faults.push(format!("{kind} {key} was {old}, is {new}")),
            Some(_) => {}
        }
    }
}

mod detects {
    use prost_types::{EnumValueDescriptorProto, field_descriptor_proto::Type};

    use super::*;

    fn today() -> FileDescriptorSet {
        let bytes = fs::read(root().join("proto/src/generated/procwire.v1.fds")).unwrap();
        FileDescriptorSet::decode(bytes.as_slice()).unwrap()
    }

    /// Faults after a change to today's wire.
    fn faults_after(change: impl FnOnce(&mut FileDescriptorSet)) -> Vec<String> {
        let mut changed = today();
        change(&mut changed);
        breaks(&today(), &changed)
    }

    fn message<'a>(set: &'a mut FileDescriptorSet, name: &str) -> &'a mut DescriptorProto {
        set.file.iter_mut().flat_map(|file| &mut file.message_type).find(|message| message.name() == name).unwrap()
    }

    fn field<'a>(set: &'a mut FileDescriptorSet, message_name: &str, name: &str) -> &'a mut FieldDescriptorProto {
        message(set, message_name).field.iter_mut().find(|field| field.name() == name).unwrap()
    }

    fn one_fault(faults: &[String], about: &str) {
        assert!(faults.len() == 1 && faults[0].contains(about), "{about}: {faults:?}");
    }

    #[test]
    fn a_renamed_field() {
        let faults = faults_after(|set| field(set, "Process", "ppid").name = Some("parent_pid".to_owned()));
        one_fault(&faults, "procwire.v1.Process = 3 was ppid");
    }

    #[test]
    fn a_changed_json_name() {
        one_fault(
            &faults_after(|set| field(set, "Process", "ppid").json_name = Some("parent".to_owned())),
            "json parent",
        );
    }

    #[test]
    fn a_field_of_another_type() {
        one_fault(&faults_after(|set| field(set, "Process", "ppid").set_type(Type::Uint64)), "Uint64");
    }

    #[test]
    fn a_field_that_loses_its_presence() {
        let faults = faults_after(|set| field(set, "Process", "ppid").oneof_index = None);
        one_fault(&faults, "is ppid (json ppid) Optional Uint32  in no oneof");
    }

    #[test]
    fn a_field_of_another_number() {
        let faults = faults_after(|set| field(set, "Process", "ppid").number = Some(999));
        one_fault(&faults, "procwire.v1.Process = 3 (ppid");
    }

    #[test]
    fn a_removed_field() {
        let faults = faults_after(|set| message(set, "Process").field.retain(|field| field.name() != "ppid"));
        one_fault(&faults, "was removed");
    }

    #[test]
    fn a_removed_message() {
        let faults = faults_after(|set| {
            for file in &mut set.file {
                file.message_type.retain(|message| message.name() != "Goodbye");
            }
        });
        assert!(faults.iter().any(|fault| fault == "message procwire.v1.Goodbye was removed"), "{faults:?}");
    }

    #[test]
    fn a_renamed_enum_value() {
        let faults = faults_after(|set| {
            let mut enums = set.file.iter_mut().flat_map(|file| &mut file.enum_type);
            let signal = enums.find(|enumeration| enumeration.name() == "Signal").unwrap();
            signal.value[15].name = Some("SIGNAL_TERMINATE".to_owned());
        });
        one_fault(&faults, "procwire.v1.Signal = 15 was SIGNAL_TERM, is SIGNAL_TERMINATE");
    }

    #[test]
    fn a_method_that_begins_to_stream() {
        let faults = faults_after(|set| {
            let mut services = set.file.iter_mut().flat_map(|file| &mut file.service);
            let service = services.find(|service| service.name() == "SystemService").unwrap();
            service.method[0].server_streaming = Some(true);
        });
        one_fault(&faults, "is (.procwire.v1.GetSystemRequest) returns (stream ");
    }

    #[test]
    fn no_fault_in_additions() {
        let faults = faults_after(|set| {
            let mut added = field(set, "Process", "ppid").clone();
            (added.name, added.number) = (Some("shoe_size".to_owned()), Some(998));
            message(set, "Process").field.push(added);
            let mut enums = set.file.iter_mut().flat_map(|file| &mut file.enum_type);
            let value =
                EnumValueDescriptorProto { name: Some("SIGNAL_NEW".to_owned()), number: Some(65), options: None };
            enums.find(|enumeration| enumeration.name() == "Signal").unwrap().value.push(value);
        });
        assert_eq!(faults, Vec::<String>::new());
    }
}
