//! Readers in a tight loop, while the files are replaced a thousand times: they see one version, whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{Dir, Mode, OFlags, openat};
use splitvault_sidecar::{Format, Placed, Rendered, Revisions, Target, place, render};
use splitvault_wire::Delivery;

use crate::operator::environment;
use crate::render::file;

const REFRESHES: u64 = 1000;
const READERS: usize = 2;

type Variables = BTreeMap<String, String>;

/// A version says of itself which it is, in each variable; long and short ones take turns.
fn version(number: u64) -> Variables {
    let length: usize = if number.is_multiple_of(2) { 12 } else { 3 };
    let variable = |name: usize| {
        (
            format!("NAME_{name}"),
            format!("{number}-").repeat(length * name % 29 + 1),
        )
    };
    (1..=length).map(variable).collect()
}

/// Which version this is, when it is one and whole.
fn whole(seen: &Variables) -> Option<u64> {
    let (number, _) = seen.values().next()?.split_once('-')?;
    let number = number.parse().ok()?;
    (*seen == version(number)).then_some(number)
}

fn rendered(number: u64, format: Format) -> Rendered {
    let variables = version(number);
    let pairs: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let environments = vec![environment("web", number, &pairs)];
    render(&Delivery { environments }, &file(format)).unwrap()
}

/// Replaces the files while readers read them with `read`; every version that they see is whole. What was replaced may be
/// gone after the next replacement, which is seconds later in a pod, and here as soon as each reader was there.
fn story(format: Format, read: impl Fn(&Path) -> Variables + Sync) {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let target = Target::open(directory.path(), 0o444).unwrap();
    let write = |number| {
        let revisions = Revisions::from([("web".to_owned(), number)]);
        place(&target, &rendered(number, format), &revisions).unwrap()
    };
    assert_eq!(write(0), Placed::First);
    let path = directory.path().join(format.usual_name());
    let (done, reads) = (AtomicBool::new(false), [const { AtomicU64::new(0) }; READERS]);
    let reader = |reads: &AtomicU64| {
        let mut last = 0;
        while !done.load(Ordering::Relaxed) {
            let seen = read(&path);
            let number = whole(&seen).unwrap_or_else(|| panic!("{} variables of no one version", seen.len()));
            assert!(number >= last, "an older version after a newer one");
            last = number;
            reads.fetch_add(1, Ordering::Relaxed);
        }
        last
    };
    std::thread::scope(|scope| {
        let readers: Vec<_> = reads.iter().map(|reads| scope.spawn(|| reader(reads))).collect();
        let failed = || readers.iter().any(|reader| reader.is_finished());
        for number in 1..=REFRESHES {
            assert_eq!(write(number), Placed::Changed);
            let before = reads.each_ref().map(|reads| reads.load(Ordering::Relaxed));
            let all = || {
                std::iter::zip(&reads, before).all(|(reads, before)| reads.load(Ordering::Relaxed) > before)
            };
            while !all() && !failed() {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() >= REFRESHES - 1);
        }
    });
}

#[test]
fn of_a_dotenv_file() {
    story(Format::Dotenv, |path| {
        let text = fs::read_to_string(path).unwrap();
        let parsed =
            splitvault_dotenv::parse(text.as_bytes(), &splitvault_dotenv::ParseOptions::default()).unwrap();
        let pair = |variable: &splitvault_dotenv::Variable| {
            (
                variable.name.as_str().to_owned(),
                variable.value.expose().to_owned(),
            )
        };
        parsed.dotenv.iter().map(pair).collect()
    });
}

#[test]
fn of_a_json_file() {
    story(Format::Json, |path| {
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    });
}

#[test]
fn of_a_yaml_file() {
    story(Format::Yaml, |path| {
        serde_saphyr::from_slice(&fs::read(path).unwrap()).unwrap()
    });
}

#[test]
fn of_a_set_of_files() {
    story(Format::Files, |path| {
        // Opened once, so that all files are of one set.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let data = rustix::fs::open(path.join("..data"), flags, Mode::empty()).unwrap();
        let mut seen = Variables::new();
        for entry in Dir::read_from(&data).unwrap() {
            let name = entry.unwrap().file_name().to_owned();
            if !name.to_bytes().starts_with(b".") {
                let file = openat(&data, &name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
                let content = io::read_to_string(File::from(file)).unwrap();
                seen.insert(name.into_string().unwrap(), content);
            }
        }
        seen
    });
}

/// One variable that is in every version, by its own path, as a program reads that takes one secret from one file.
#[test]
fn of_one_file_of_a_set() {
    story(Format::Files, |path| {
        let content = fs::read_to_string(path.join("NAME_1")).unwrap();
        let (number, _) = content.split_once('-').unwrap();
        let version = version(number.parse().unwrap());
        assert_eq!(content, version["NAME_1"]);
        version
    });
}
