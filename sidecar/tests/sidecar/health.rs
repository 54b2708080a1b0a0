//! Health on the loopback, of a sidecar as a process of its own.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use splitvault_wire::{Reason, pod};

use crate::operator::{Operator, Reply};
use crate::process::{Process, eventually};

const FIRST: Reply = Reply::Web(1, &[("CANARY_NAME", "CANARY_VALUE")]);
/// Kubelet's environment files cannot hold a single quote.
const UNWRITABLE: Reply = Reply::Web(2, &[("CANARY_NAME", "CANARY'VALUE")]);
const THIRD: Reply = Reply::Web(3, &[("CANARY_NAME", "CANARY_OTHER")]);

/// That nobody has at the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn attend(operator: &Operator, port: u16) -> Process {
    let port = port.to_string();
    let variables = [
        (pod::REFRESH, "1"),
        (pod::KUBELET, "1"),
        (pod::HEALTH_PORT, port.as_str()),
    ];
    Process::attend(operator, &variables)
}

/// Status and line of an answer; none where nobody listens.
fn ask(port: u16, path: &str) -> Option<(u16, String)> {
    let mut tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    tcp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(tcp, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).ok()?;
    assert!(!answer.contains("CANARY") && !answer.contains("web"), "{answer}");
    let (head, line) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, line.trim_end().to_owned()))
}

async fn becomes(port: u16, status: u16, says: &str) {
    let so = || ask(port, "/readyz").is_some_and(|(got, line)| got == status && line.contains(says));
    eventually(says, so).await;
    assert_eq!(
        ask(port, "/healthz"),
        Some((200, "ok".to_owned())),
        "alive all the time"
    );
}

/// The sockets of a process, as their numbers.
fn sockets(process: &Process) -> Vec<String> {
    let links = std::fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap();
    let links = links.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let links: Vec<_> = links.map(|link| link.to_string_lossy().into_owned()).collect();
    let number = |link: &String| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
    links.iter().filter_map(number).collect()
}

/// Where a process listens, as `/proc/net/tcp` and `tcp6` write it.
fn listens(process: &Process) -> Vec<String> {
    let sockets = sockets(process);
    let tables = ["tcp", "tcp6"].map(|name| std::fs::read_to_string(format!("/proc/net/{name}")).unwrap());
    let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines = tables.iter().flat_map(|table| table.lines().skip(1)).map(fields);
    let listening = lines.filter(|fields| fields[3] == "0A" && sockets.contains(&fields[9]));
    listening.map(|fields| fields[1].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_ready_while_the_files_are_there_and_nothing_newer_is_missing() {
    let operator = Operator::start(&[Reply::Refuse(Reason::NotReady)]).await;
    let port = free_port();
    let process = attend(&operator, port);
    becomes(port, 503, "not there yet").await;
    operator.reply(FIRST);
    becomes(port, 200, "ok").await;
    operator.reply(UNWRITABLE);
    becomes(port, 503, "newer variables could not be written").await;
    process.says("kubelet cannot set").await;
    operator.reply(THIRD);
    becomes(port, 200, "ok").await;
    operator.reply(Reply::Refuse(Reason::Unavailable));
    process.says("Unavailable").await;
    becomes(port, 200, "ok").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_run_wrote_is_there_for_the_next() {
    let operator = Operator::start(&[FIRST]).await;
    let port = free_port();
    let mut process = attend(&operator, port);
    becomes(port, 200, "ok").await;
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(0));
    operator.reply(Reply::Refuse(Reason::Unavailable));
    let _process = attend(&operator, port);
    becomes(port, 200, "ok").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_listens_on_the_loopback_when_asked_and_nowhere_when_not() {
    let operator = Operator::start(&[FIRST]).await;
    let silent = Process::attend(&operator, &[(pod::REFRESH, "1")]);
    silent.says("delivered").await;
    assert_eq!(listens(&silent), Vec::<String>::new());

    let port = free_port();
    let process = attend(&operator, port);
    becomes(port, 200, "ok").await;
    assert_eq!(listens(&process), [format!("0100007F:{port:04X}")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_somebody_has_delays_health_and_no_variable() {
    let operator = Operator::start(&[FIRST]).await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let process = attend(&operator, port);
    process.says(&format!("cannot listen on 127.0.0.1:{port}")).await;
    process.says("delivered: web:1").await;
    drop(taken);
    becomes(port, 200, "ok").await;
    assert_eq!(process.lines("cannot listen"), 1, "{}", process.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_opens_many_connections_gets_a_few_at_a_time() {
    let operator = Operator::start(&[Reply::Refuse(Reason::NotReady)]).await;
    let port = free_port();
    let process = attend(&operator, port);
    becomes(port, 503, "not there yet").await;
    let connect = |_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let silent: Vec<_> = (0..100).map(connect).collect();
    // Its own few: the listener, one to the operator, those that tokio has for signals.
    let most = 16 + 8;
    eventually("some of them are its own", || sockets(&process).len() >= 16).await;
    for _ in 0..20 {
        let open = sockets(&process).len();
        assert!(open <= most, "{open} sockets");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(silent);
    becomes(port, 503, "not there yet").await;
}
