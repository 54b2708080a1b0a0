//! The real binary, started and stopped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use splitvault_values::grpc::RemoteValues;

use crate::certificates::Authority;
use crate::fixture::{connect, eventually};

pub(crate) struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
    pub(crate) health: SocketAddr,
}

/// What survives a process.
pub(crate) struct Home {
    directory: tempfile::TempDir,
    pub(crate) authority: Authority,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            authority: Authority::new(),
        }
    }

    pub(crate) fn tls(&self) -> PathBuf {
        self.directory.path().join("tls")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("values.db")
    }

    pub(crate) async fn start(&self) -> Process {
        self.start_with(&[]).await
    }

    pub(crate) async fn start_with(&self, environment: &[(&str, &str)]) -> Process {
        let mut child = command(&self.database())
            .args([
                "--listen",
                "127.0.0.1:0",
                "--health-listen",
                "127.0.0.1:0",
                "--tls-reload",
                "1",
            ])
            .args(["--log", "trace", "--tls-dir"])
            .arg(self.tls())
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, lines) = (child.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = lines.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let health = logged(&log, "health").await;
        Process { child, log, health }
    }

    pub(crate) async fn operator(&self, process: &Process) -> RemoteValues {
        let address = logged(&process.log, "listen").await;
        RemoteValues::new(connect(address, self.authority.operator_config()))
    }
}

pub(crate) fn command(database: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitvault-store"));
    command.env_clear().arg("--database").arg(database);
    command
}

/// The address that a log line gives under this name.
async fn logged(log: &Mutex<String>, name: &str) -> SocketAddr {
    let mut found = None;
    let key = format!("\"{name}\":\"");
    eventually(&format!("the log tells `{name}`"), async || {
        let log = log.lock().unwrap().clone();
        found = log
            .split_once(&key)
            .and_then(|(_, rest)| rest.split('"').next()?.parse().ok());
        found.is_some()
    })
    .await;
    found.unwrap()
}

impl Process {
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// An answer of the plain HTTP listener: status and body.
    pub(crate) fn ask(&self, path: &str) -> (u16, String) {
        let mut tcp = TcpStream::connect(self.health).unwrap();
        write!(
            tcp,
            "GET {path} HTTP/1.1\r\nHost: store\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub(crate) async fn ready(&self) {
        eventually("the store is ready", async || self.ask("/readyz").0 == 200).await;
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn terminate(&mut self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the process ends", async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
