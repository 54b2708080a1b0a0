//! What arrives is what was sealed, byte for byte: a thousand random environments in each mode.
//!
//! A run prints its seed; `SPLITVAULT_SEED=N tests/e2e/run fidelity` draws the same environments again.

#[path = "fidelity/draw.rs"]
mod draw;
#[path = "fidelity/read.rs"]
mod read;

use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use splitvault_dotenv::Dialect;
use splitvault_tests::{Kind, Namespace, Workload, eventually};

use draw::{Draw, Environment};
use read::Variables;

/// Environments that each mode carries; `file` carries a quarter of them in each format.
const ENVIRONMENTS: usize = 1_000;
/// What `splitvault.dev/inject` takes is 32 names; one of them is that of the environment at the mode's limits.
const IN_A_POD: usize = 31;
/// Pods at a time, so that other stories find room beside them.
const PODS: usize = 16;
/// Seals at a time.
const SEALS: usize = 4;

/// A mode, or a format of the mode `file`, and how this test reads what arrived.
struct Mode {
    name: &'static str,
    annotations: &'static [(&'static str, &'static str)],
    /// The environment at the limits of this mode.
    limits: &'static str,
    read: fn(&Workload, &Namespace) -> Result<Variables>,
}

const EXEC: Mode = Mode {
    name: "exec",
    annotations: &[],
    limits: "limits",
    read: read::process,
};

const FORMATS: [Mode; 4] = [
    Mode {
        name: "dotenv",
        annotations: &[("mode", "file")],
        limits: "limits",
        read: read::dotenv,
    },
    Mode {
        name: "json",
        annotations: &[("mode", "file"), ("format", "json")],
        limits: "limits",
        read: read::json,
    },
    Mode {
        name: "yaml",
        annotations: &[("mode", "file"), ("format", "yaml")],
        limits: "limits",
        read: read::yaml,
    },
    Mode {
        name: "files",
        annotations: &[("mode", "file"), ("format", "files")],
        limits: "limits-of-files",
        read: read::files,
    },
];

const KUBELET: Mode = Mode {
    name: "kubelet",
    annotations: &[],
    limits: "limits",
    read: read::process,
};

#[test]
fn a_thousand_environments_with_hidden_names_arrive_by_command_and_in_files() {
    let namespace = Namespace::make("fidelity-hidden").unwrap();
    let mut draw = Draw::new(Dialect::Npm);
    let mut drawn = draw.environments(ENVIRONMENTS);
    drawn.push(draw.at_the_limits("limits", 256));
    // A file's name has a byte less than a variable's may have.
    drawn.push(draw.at_the_limits("limits-of-files", 255));
    seal(&namespace, &drawn, &[]);
    let (random, special) = drawn.split_at(ENVIRONMENTS);
    arrive(&namespace, &EXEC, random, special);
    for (format, share) in FORMATS.iter().zip(random.chunks(ENVIRONMENTS / FORMATS.len())) {
        arrive(&namespace, format, share, special);
    }
}

#[test]
fn a_thousand_environments_with_exposed_names_arrive_by_kubelet() {
    let namespace = Namespace::make("fidelity-exposed").unwrap();
    let mut draw = Draw::new(Dialect::Kubelet);
    let mut drawn = draw.environments(ENVIRONMENTS);
    drawn.push(draw.at_the_limits("limits", 256));
    seal(&namespace, &drawn, &["--expose-names"]);
    let (random, special) = drawn.split_at(ENVIRONMENTS);
    arrive(&namespace, &KUBELET, random, special);
}

#[test]
fn kubelet_reads_64_kib_to_the_last_byte() {
    let namespace = Namespace::make("fidelity-brim").unwrap();
    let brim = Draw::new(Dialect::Kubelet).filling("brim", 64 * 1024);
    seal(&namespace, std::slice::from_ref(&brim), &["--expose-names"]);
    let workload = Workload::new(Kind::Pod, "brim", "brim");
    eventually("admission", || workload.apply(&namespace));
    workload.ready(&namespace);
    let arrived = read::process(&workload, &namespace).unwrap();
    equal("kubelet, brim", &brim.variables, &arrived).unwrap();
}

/// Seals them as developers do, one after another in each of a few terminals, and waits until all are Ready.
fn seal(namespace: &Namespace, drawn: &[Environment], options: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("splitvault.pub");
    std::fs::write(&key, splitvault_tests::splitvault(&["key"], b"").unwrap()).unwrap();
    let options = [
        &["--key-file", key.to_str().unwrap(), "--output", "json"],
        options,
    ]
    .concat();
    let share = drawn.len().div_ceil(SEALS);
    let manifests = thread::scope(|scope| {
        let sealing = |environment: &Environment| {
            let manifest = namespace
                .seal(&environment.name, &environment.dotenv, &options)
                .unwrap();
            serde_json::from_str(&manifest).unwrap()
        };
        let terminals: Vec<_> = drawn
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(sealing).collect::<Vec<serde_json::Value>>()))
            .collect();
        terminals
            .into_iter()
            .flat_map(|terminal| terminal.join().unwrap())
            .collect::<Vec<_>>()
    });
    // Created, not applied: the annotation that `apply` leaves would double what etcd holds.
    let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
    namespace.create(&list.to_string()).unwrap();
    namespace.all_ready(drawn.len());
}

/// Starts pods until each of the environments was in one of this mode, and compares what they have. Those at this mode's
/// limits are in all of them.
fn arrive(namespace: &Namespace, mode: &Mode, random: &[Environment], special: &[Environment]) {
    let limits = special.iter().find(|environment| environment.name == mode.limits);
    let limits = limits.context("no environment at the limits").unwrap();
    let shares: Vec<Vec<&Environment>> = random
        .chunks(IN_A_POD)
        .map(|share| share.iter().chain([limits]).collect())
        .collect();
    let mut seen = 0;
    for (round, shares) in shares.chunks(PODS).enumerate() {
        let pods: Vec<_> = (0..)
            .zip(shares)
            .map(|(number, share)| {
                let names: Vec<&str> = share
                    .iter()
                    .map(|environment| environment.name.as_str())
                    .collect();
                let name = format!("{}-{round}-{number}", mode.name);
                let workload = mode
                    .annotations
                    .iter()
                    .fold(
                        Workload::new(Kind::Pod, &name, &names.join(",")),
                        |workload, (key, value)| workload.annotated(key, value),
                    )
                    .annotated("refresh", "false");
                eventually("admission", || workload.apply(namespace));
                (workload, share)
            })
            .collect();
        for (workload, share) in &pods {
            let pod = workload.ready(namespace);
            let arrived = (mode.read)(workload, namespace).unwrap();
            let sealed = share
                .iter()
                .flat_map(|environment| environment.variables.clone())
                .collect();
            equal(&pod, &sealed, &arrived).unwrap();
            seen += share.len() - 1;
        }
        let all = ["delete", "pods", "--all", "--wait=false"];
        namespace.kubectl(&all).unwrap();
    }
    assert_eq!(seen, random.len());
}

/// Each sealed variable is there with the same bytes.
fn equal(pod: &str, sealed: &Variables, arrived: &Variables) -> Result<()> {
    for (name, value) in sealed {
        let got = arrived.get(name).with_context(|| {
            format!(
                "{pod} has no {name}, which was sealed as {:?}",
                value.escape_ascii().to_string()
            )
        })?;
        ensure!(
            got == value,
            "{pod}: {name} was sealed as \"{}\" and arrived as \"{}\"",
            value.escape_ascii(),
            got.escape_ascii()
        );
    }
    Ok(())
}
