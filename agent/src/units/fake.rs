//! A bus on which somebody plays systemd, well or badly.

use std::{
    collections::HashMap,
    fs,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_stream::StreamExt as _;
use zbus::{
    Connection, Guid, Message, ObjectPath, Variant,
    connection::Builder,
    message::{Header, Type},
};

pub const BUS: &str = "dbus/system_bus_socket";

/// A unit in the list: name, description, states of loading, activity and kind, followed, object, job.
pub type Listed =
    (String, String, String, String, String, String, ObjectPath<'static>, u32, String, ObjectPath<'static>);

pub type Properties = HashMap<String, Variant<'static>>;

/// What the one who plays systemd answers.
pub enum Answer {
    Units(Vec<Listed>),
    Properties(Properties),
    /// A text, whatever was asked.
    Text(&'static str),
    /// The name of an error.
    Error(&'static str),
    /// Nothing, ever.
    Silence,
    /// The end of the connection.
    HangUp,
}

/// The member that is called, and its object.
type Answers = dyn Fn(&str, &str) -> Answer + Send + Sync;

/// A `/run` of a host.
pub struct Run(tempfile::TempDir);

impl Run {
    /// Where systemd runs, but nobody can ask it yet.
    pub fn booted() -> Self {
        let run = Self::bare();
        fs::create_dir_all(run.path().join("systemd/system")).unwrap();
        run
    }

    /// Where it does not.
    pub fn bare() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A socket at which somebody listens.
    pub fn listen(&self, socket: &str) -> UnixListener {
        let path: PathBuf = self.path().join(socket);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        UnixListener::bind(path).unwrap()
    }

    /// Answers whoever connects, as long as the runtime lives. The member that is called and its object are handed over.
    pub fn answer(&self, socket: &str, answer: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) {
        let listener = self.listen(socket);
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        let answer: Arc<Answers> = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    let builder = Builder::unix_stream(stream.into_std().unwrap()).server(Guid::generate()).p2p();
                    // Whoever only looks whether somebody listens is gone by now.
                    let Ok(mut calls) = builder.build_message_stream().await else { return };
                    let connection = Connection::from(&calls);
                    while let Some(Ok(call)) = calls.next().await {
                        if call.message_type() == Type::MethodCall && !reply(&connection, &call, &*answer).await {
                            return;
                        }
                    }
                });
            }
        });
    }
}

async fn reply(connection: &Connection, call: &Message, answer: &Answers) -> bool {
    let header: Header<'_> = call.header();
    let member = header.member().unwrap().to_string();
    if member == "Hello" {
        return connection.reply(&header, &":1.7").await.is_ok();
    }
    let path = header.path().unwrap().to_string();
    let sent = match answer(&member, &path) {
        Answer::Units(units) => connection.reply(&header, &units).await,
        Answer::Properties(properties) => connection.reply(&header, &properties).await,
        Answer::Text(text) => connection.reply(&header, &text).await,
        Answer::Error(name) => connection.reply_error(&header, name, &"no").await,
        Answer::Silence => Ok(()),
        Answer::HangUp => return false,
    };
    sent.is_ok()
}

/// A unit of this name, running.
pub fn listed(name: &str, active_state: &str) -> Listed {
    let object: String = name.bytes().map(|byte| format!("_{byte:02x}")).collect();
    let path = ObjectPath::try_from(format!("/org/freedesktop/systemd1/unit/{object}")).unwrap();
    let text = str::to_owned;
    let nothing = ObjectPath::try_from("/").unwrap();
    (
        text(name),
        format!("What {name} is"),
        text("loaded"),
        text(active_state),
        text("running"),
        text(""),
        path,
        0,
        text(""),
        nothing,
    )
}

/// What systemd says of a service that runs this.
pub fn service(command: &[&str]) -> Properties {
    let arguments: Vec<String> = command.iter().map(ToString::to_string).collect();
    let path = arguments.first().cloned().unwrap_or_default();
    let started = vec![(path, arguments, false, 0_u64, 0_u64, 0_u64, 0_u64, 4711_u32, 0_i32, 0_i32)];
    Properties::from([
        ("UnitFileState".to_owned(), Variant::from("enabled")),
        ("MainPID".to_owned(), Variant::from(4711_u32)),
        ("MemoryCurrent".to_owned(), Variant::from(7_u64 << 20)),
        ("TasksCurrent".to_owned(), Variant::from(u64::MAX)),
        ("NRestarts".to_owned(), Variant::from(3_u32)),
        ("ControlGroup".to_owned(), Variant::from("/system.slice/x.service")),
        ("User".to_owned(), Variant::from("")),
        ("ExecStart".to_owned(), Variant::from(started)),
        // Of the hundreds more that there are.
        ("Id".to_owned(), Variant::from("x.service")),
        ("IOReadBytes".to_owned(), Variant::from(u64::MAX)),
    ])
}
