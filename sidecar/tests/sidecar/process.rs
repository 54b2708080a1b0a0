//! The sidecar as a process of its own, as kubelet starts it.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use splitvault_wire::pod;

use crate::operator::{Operator, POD};

/// Fails the test when something takes longer than anybody waits.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within 30 seconds: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The program with nothing in its environment but where the files are.
pub(crate) fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitvault-sidecar"));
    command
        .env_clear()
        .env(pod::DIRECTORY, directory)
        .stdin(Stdio::null());
    command
}

pub(crate) struct Process {
    child: Child,
    log: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// The injected container of a pod that asks this operator for `web`.
    pub(crate) fn attend(operator: &Operator, variables: &[(&str, &str)]) -> Self {
        let mut command = program(&operator.files());
        command
            .env(pod::OPERATOR, format!("https://{}", operator.address))
            .env(pod::CA, &operator.ca)
            .env(pod::VAULT_SECRETS, "web")
            .env(pod::POD_UID, POD)
            .env(pod::MODE, "file")
            .env(pod::REFRESH, "0")
            .env(pod::TOKEN, operator.token())
            .envs(variables.iter().copied());
        Self::start(command)
    }

    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (mut stderr, log) = (child.stderr.take().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let lines = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut part) {
                lines.lock().unwrap().extend_from_slice(&part[..length]);
            }
        });
        Self {
            child,
            log,
            reader: Some(reader),
        }
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8(self.log.lock().unwrap().clone()).unwrap()
    }

    /// How many lines have this text.
    pub(crate) fn lines(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    pub(crate) async fn says(&self, text: &str) {
        eventually(text, || self.log().contains(text)).await;
    }

    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// As process 1 of a container it would not notice the signal otherwise.
    pub(crate) fn catches_sigterm(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:\t"))
            .unwrap();
        u64::from_str_radix(caught, 16).unwrap() & (1 << 14) != 0
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        eventually("the process ends", || !self.runs()).await;
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
