//! What is left in the memory of a sidecar that goes on after a delivery.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;

use splitvault_wire::pod;

use crate::operator::{Operator, Reply, TOKEN};
use crate::process::{Process, eventually};

const NAME: &str = "CANARY_NAME_5bf2a1d07c";
const VALUE: &str = "canary-value-\"escaped\"\n-e61c09ab77";
/// The part of the value that looks the same in JSON.
const PART: &str = "canary-value-";

/// The places of all these texts in the writable memory of a process.
fn search(id: u32, texts: &[&str]) -> io::Result<Vec<usize>> {
    let memory = File::open(format!("/proc/{id}/mem"))?;
    let maps = std::fs::read_to_string(format!("/proc/{id}/maps"))?;
    let mut found = vec![0; texts.len()];
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        // Some areas, such as [vvar], cannot be read at all.
        if memory.read_exact_at(&mut bytes, start).is_err() {
            continue;
        }
        for (count, text) in found.iter_mut().zip(texts) {
            *count += bytes
                .windows(text.len())
                .filter(|window| *window == text.as_bytes())
                .count();
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_delivery_neither_names_nor_values_nor_the_token_are_left() {
    let operator = Operator::start(&[Reply::Web(1, &[(NAME, VALUE)]), Reply::Current]).await;
    let variables = [
        (pod::REFRESH, "3600"),
        (pod::MODE, "env"),
        (pod::POD_NAME, "positive-control"),
    ];
    let process = Process::attend(&operator, &variables);
    eventually("it is delivered", || process.lines("delivered") == 1).await;
    assert!(operator.read(pod::ENV_BIN).unwrap().contains(VALUE));
    match search(process.id(), &[NAME, PART, TOKEN, "positive-control"]) {
        Ok(found) => {
            assert_ne!(found[3], 0, "the search finds what is there");
            assert_eq!(found[..3], [0, 0, 0], "name, value, token");
        }
        // Who is not root cannot look at all, because it is not dumpable (ptrace(2)).
        Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
    }
}
