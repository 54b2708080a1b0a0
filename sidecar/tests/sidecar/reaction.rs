//! What happens in a pod after a change, with real processes.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use splitvault_wire::{Problem, ProblemKind, pod};

use crate::operator::{Asked, Operator, POD, Reply, TAG};
use crate::process::{Process, eventually, program};

const FIRST: Reply = Reply::Web(1, &[("A", "first")]);
const SECOND: Reply = Reply::Web(2, &[("A", "second")]);
/// Another revision with the same variables.
const SAME: Reply = Reply::Web(2, &[("A", "first")]);
const THIRD: Reply = Reply::Web(3, &[("A", "third")]);

/// A sidecar that asks often and reacts at once.
fn attend(operator: &Operator, variables: &[(&str, &str)]) -> Process {
    let always = [(pod::REFRESH, "1"), (pod::DISTANCE, "0")];
    Process::attend(operator, &[&always, variables].concat())
}

async fn delivered(operator: &Operator, content: &str) {
    let file = format!("A='{content}'\n");
    eventually(content, || operator.read(pod::ENV_FILE).as_ref() == Some(&file)).await;
}

/// A process of a name of its own that notes each SIGHUP.
struct Application {
    process: Process,
    name: String,
    notes: PathBuf,
}

impl Application {
    async fn start(operator: &Operator, name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let notes = operator.token().with_file_name(&name);
        // It waits by a builtin: a child that is forked and not yet another program has its name, and takes the signal.
        let script = "mkfifo \"$0.pipe\"; exec 3<>\"$0.pipe\"; trap 'cat \"$1\" >>\"$0\"' HUP; \
                      echo ready >\"$0\"; while :; do read -r line <&3; done";
        let mut shell = Command::new("/bin/sh");
        shell
            .arg0(format!("/usr/bin/{name}"))
            .args(["-c", script])
            .args([&notes, &operator.files().join(pod::ENV_FILE)])
            .stdin(Stdio::null());
        let process = Process::start(shell);
        eventually("it listens", || notes.exists()).await;
        Self { process, name, notes }
    }

    fn notes(&self) -> String {
        std::fs::read_to_string(&self.notes).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_comes_after_a_change_and_finds_the_new_file() {
    let operator = Operator::start(&[FIRST]).await;
    let mut application = Application::start(&operator, "sv-signalled").await;
    let sidecar = attend(
        &operator,
        &[
            (pod::ON_CHANGE, "Signal"),
            (pod::SIGNAL, "SIGHUP"),
            (pod::SIGNAL_PROCESS, &application.name),
        ],
    );
    sidecar.says("delivered: web:1").await;
    operator.reply(SAME);
    sidecar.says("delivered: web:2").await;
    operator.reply(THIRD);
    let sent = format!("sent SIGHUP to 1 process named {}", application.name);
    sidecar.says(&sent).await;
    eventually("it is noted", || application.notes() == "ready\nA='third'\n").await;
    assert_eq!(
        sidecar.lines("sent SIGHUP"),
        1,
        "not for the first, nor for the same"
    );
    assert_eq!(operator.read(pod::CHANGED), None);
    assert!(application.process.runs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_send_a_signal_is_told_why() {
    if !rustix::process::getuid().is_root() {
        return;
    }
    let operator = Operator::start(&[FIRST]).await;
    let application = Application::start(&operator, "sv-foreign").await;
    let other = Some(65_532);
    for path in [
        operator.files().parent().unwrap().to_owned(),
        operator.files(),
        operator.token(),
    ] {
        chown(path, other, other).unwrap();
    }
    let copy = operator.files().with_file_name("sidecar");
    std::fs::copy(env!("CARGO_BIN_EXE_splitvault-sidecar"), &copy).unwrap();
    let mut command = Command::new(&copy);
    command
        .uid(65_532)
        .gid(65_532)
        .env_clear()
        .env(pod::DIRECTORY, operator.files())
        .env(pod::OPERATOR, format!("https://{}", operator.address))
        .env(pod::CA, &operator.ca)
        .env(pod::VAULT_SECRETS, "web")
        .env(pod::POD_UID, POD)
        .env(pod::MODE, "file")
        .env(pod::REFRESH, "1")
        .env(pod::DISTANCE, "0")
        .env(pod::TOKEN, operator.token())
        .env(pod::ON_CHANGE, "Signal")
        .env(pod::SIGNAL, "SIGHUP")
        .env(pod::SIGNAL_PROCESS, &application.name);
    let sidecar = Process::start(command);
    delivered(&operator, "first").await;
    operator.reply(SECOND);
    sidecar.says("EPERM").await;
    sidecar.says("runAsUser").await;
    assert_eq!(application.notes(), "ready\n");
    let told = || problems(&operator.asked()).contains(&Some(ProblemKind::SignalFailed));
    eventually("the operator is told", told).await;
    assert_eq!(sidecar.lines("EPERM"), 1, "it is tried once: {}", sidecar.log());
}

/// What each question told of.
fn problems(asked: &[Asked]) -> Vec<Option<ProblemKind>> {
    let kind = |problem: &Problem| {
        assert_eq!(problem.vault_secret, None);
        problem.kind
    };
    asked
        .iter()
        .map(|asked| asked.request.problem.as_ref().map(kind))
        .collect()
}

/// An HTTP server on loopback that answers each request with 200 and keeps what was asked.
fn server() -> (u16, Arc<Mutex<Vec<String>>>) {
    broken_server(0)
}

/// The same, but the first requests are answered with 500.
fn broken_server(failures: usize) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&asked);
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut tcp = tcp.unwrap();
            let mut request = vec![0; 4096];
            let length = tcp.read(&mut request).unwrap();
            let text = String::from_utf8_lossy(&request[..length]).into_owned();
            let mut requests = requests.lock().unwrap();
            requests.push(text);
            let status = if requests.len() > failures { 200 } else { 500 };
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            let _gone = tcp.write_all(answer.as_bytes());
        }
    });
    (port, asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_comes_after_a_change_and_carries_nothing_of_it() {
    let operator = Operator::start(&[FIRST]).await;
    let (port, asked) = server();
    let url = format!("http://127.0.0.1:{port}/-/reload");
    let sidecar = attend(&operator, &[(pod::ON_CHANGE, "HTTP"), (pod::ON_CHANGE_URL, &url)]);
    sidecar.says("delivered: web:1").await;
    operator.reply(SECOND);
    sidecar.says("answered with status 200").await;
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].starts_with("POST /-/reload HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    assert!(
        !asked[0].contains("second") && asked[0].ends_with("\r\n\r\n"),
        "{}",
        asked[0]
    );
    let before = operator.asked().len();
    eventually("it asks on", || operator.asked().len() > before + 1).await;
    let told = problems(&operator.asked());
    assert!(told.iter().all(Option::is_none), "nothing failed: {told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_fails_is_told_at_once_though_the_operator_holds_the_question() {
    let operator = Operator::start(&[FIRST, SECOND, Reply::Held, THIRD, Reply::Held]).await;
    let (port, calls) = broken_server(5);
    let url = format!("http://127.0.0.1:{port}/-/reload");
    let hourly = [(pod::REFRESH, "3600"), (pod::DISTANCE, "0")];
    let call = [(pod::ON_CHANGE, "HTTP"), (pod::ON_CHANGE_URL, url.as_str())];
    let mut sidecar = Process::attend(&operator, &[hourly, call].concat());
    eventually("its question is held", || operator.asked().len() == 3).await;
    eventually("it tells", || operator.asked().len() == 4).await;
    assert!(
        sidecar.log().contains("gave up after 5 tries"),
        "{}",
        sidecar.log()
    );
    eventually("it goes on after the next change", || operator.asked().len() == 5).await;
    let asked = operator.asked();
    let failed = Some(ProblemKind::HttpFailed);
    assert_eq!(problems(&asked), [None, None, None, failed, None]);
    assert_eq!(asked[3].request.tag.as_deref(), Some(TAG));
    assert!(asked[3].request.wait_seconds.is_some(), "it waits on, as before");
    assert!(
        !serde_json::to_string(&asked[3].request)
            .unwrap()
            .contains("127.0.0.1")
    );
    assert_eq!(calls.lock().unwrap().len(), 6);
    assert!(sidecar.runs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_told_with_every_question_until_a_reaction_succeeds() {
    let operator = Operator::start(&[FIRST, SECOND, Reply::Current]).await;
    let (port, _) = broken_server(5);
    let url = format!("http://127.0.0.1:{port}/-/reload");
    let sidecar = attend(&operator, &[(pod::ON_CHANGE, "HTTP"), (pod::ON_CHANGE_URL, &url)]);
    let failed = Some(ProblemKind::HttpFailed);
    let told = || {
        problems(&operator.asked())
            .iter()
            .filter(|told| **told == failed)
            .count()
    };
    eventually("it is told again", || told() >= 2).await;
    operator.reply(THIRD);
    sidecar.says("answered with status 200").await;
    let before = operator.asked().len();
    eventually("it asks on", || operator.asked().len() > before + 1).await;
    assert_eq!(problems(&operator.asked()).last(), Some(&None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_is_asked_for_once_per_change() {
    let operator = Operator::start(&[FIRST]).await;
    let restart = [(pod::ON_CHANGE, "RestartContainers")];
    let mut sidecar = attend(&operator, &restart);
    sidecar.says("delivered: web:1").await;
    operator.reply(SECOND);
    assert_eq!(sidecar.ended().await.code(), Some(pod::RESTART_CODE.into()));
    assert_eq!(operator.read(pod::ENV_FILE).unwrap(), "A='second'\n");

    // As kubelet starts it again, with the volume as it was.
    let before = operator.asked().len();
    let mut sidecar = attend(&operator, &restart);
    eventually("it asks on", || operator.asked().len() >= before + 3).await;
    assert!(sidecar.runs(), "no loop: {}", sidecar.log());
    operator.reply(THIRD);
    assert_eq!(sidecar.ended().await.code(), Some(pod::RESTART_CODE.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_sidecar_left_undone_the_next_one_does() {
    let operator = Operator::start(&[FIRST]).await;
    let (port, asked) = server();
    let url = format!("http://localhost:{port}");
    let call = [(pod::ON_CHANGE, "HTTP"), (pod::ON_CHANGE_URL, url.as_str())];
    let late = [(pod::REFRESH, "1"), (pod::DISTANCE, "3600"), call[0], call[1]];
    let killed = Process::attend(&operator, &late);
    killed.says("delivered: web:1").await;
    operator.reply(SECOND);
    killed.says("delivered: web:2").await;
    drop(killed);
    assert!(operator.read(pod::CHANGED).is_some());
    let sidecar = attend(&operator, &call);
    sidecar.says("answered with status 200").await;
    eventually("it is done", || operator.read(pod::CHANGED).is_none()).await;
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_it_at_once_while_an_application_does_not_answer() {
    let operator = Operator::start(&[FIRST]).await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let call = [(pod::ON_CHANGE, "HTTP"), (pod::ON_CHANGE_URL, url.as_str())];
    let mut sidecar = attend(&operator, &call);
    sidecar.says("delivered: web:1").await;
    operator.reply(SECOND);
    let (_called, _) = silent.accept().unwrap();
    sidecar.terminate();
    assert_eq!(sidecar.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_format_files_that_are_the_same_are_left_as_they_are() {
    for (format, file) in [
        ("dotenv", ".env"),
        ("json", "env.json"),
        ("yaml", "env.yaml"),
        ("files", "env/..data"),
    ] {
        let operator = Operator::start(&[FIRST]).await;
        let sidecar = attend(&operator, &[(pod::FORMAT, format)]);
        sidecar.says("delivered: web:1").await;
        let path = operator.files().join(file);
        let identity = || {
            std::fs::symlink_metadata(&path)
                .map(|m| (std::os::unix::fs::MetadataExt::ino(&m), m.modified().unwrap()))
                .unwrap()
        };
        let before = identity();
        operator.reply(SAME);
        sidecar.says("delivered: web:2").await;
        assert_eq!(identity(), before, "{format}");
        operator.reply(THIRD);
        sidecar.says("delivered: web:3").await;
        assert_ne!(identity(), before, "{format}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_may_have_another_name() {
    for (format, name, expected) in [
        ("dotenv", "app.env", "A='first'\n"),
        ("json", "settings", "{\"A\":\"first\"}\n"),
        ("yaml", "values.yml", "\"A\": \"first\"\n"),
    ] {
        let operator = Operator::start(&[FIRST]).await;
        let mut sidecar = Process::attend(&operator, &[(pod::FORMAT, format), (pod::FILE, name)]);
        assert!(sidecar.ended().await.success(), "{}", sidecar.log());
        assert_eq!(operator.read(name).as_deref(), Some(expected));
    }
    let operator = Operator::start(&[FIRST]).await;
    let mut sidecar = Process::attend(&operator, &[(pod::FORMAT, "files"), (pod::FILE, "secrets")]);
    assert!(sidecar.ended().await.success(), "{}", sidecar.log());
    assert_eq!(operator.read("secrets/A").as_deref(), Some("first"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_make_no_sense_end_it_by_name() {
    let operator = Operator::start(&[FIRST]).await;
    for (name, value) in [
        (pod::ON_CHANGE, "Restart"),
        (pod::FORMAT, "toml"),
        (pod::FILE, "../x"),
    ] {
        let mut sidecar = Process::attend(&operator, &[(name, value)]);
        assert_eq!(sidecar.ended().await.code(), Some(2));
        assert!(sidecar.log().contains(name), "{}", sidecar.log());
    }
    let mut help = program(&operator.files());
    help.arg("--help");
    let help = help.output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success() && text.contains("Exit codes:") && text.contains("   90  "));
}
