//! Sets of files on real tmpfs.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use splitvault_crypto::{SecretBytes, SecretString};

use super::*;

struct Scene {
    directory: tempfile::TempDir,
    target: Target,
}

fn scene(mode: u32) -> Scene {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let target = Target::open(directory.path(), mode).unwrap();
    Scene { directory, target }
}

impl Scene {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("env").join(name)
    }

    fn write(&self, variables: &[(&str, &str)]) {
        self.target.write_set("env", &members(variables)).unwrap();
    }

    fn holds(&self, variables: &[(&str, &str)]) -> bool {
        self.target.holds_set("env", &members(variables))
    }

    /// Name and content of each file that a reader sees.
    fn seen(&self) -> Vec<(String, String)> {
        let mut seen: Vec<_> = self
            .listed()
            .into_iter()
            .filter(|name| !name.starts_with(".."))
            .map(|name| {
                let content = fs::read_to_string(self.path(&name)).unwrap();
                (name, content)
            })
            .collect();
        seen.sort();
        seen
    }

    fn listed(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// How many sets are there, the one that counts included.
    fn generations(&self) -> usize {
        let names = self.listed().into_iter();
        names
            .filter(|name| name.starts_with("..") && name != "..data")
            .count()
    }
}

fn members(variables: &[(&str, &str)]) -> Vec<Member> {
    let member = |(name, value): &(&str, &str)| Member {
        name: SecretString::copy_of(name),
        content: SecretBytes::copy_of(value.as_bytes()),
    };
    variables.iter().map(member).collect()
}

fn pairs(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    variables.iter().map(pair).collect()
}

#[test]
fn a_set_replaces_the_one_before_with_what_it_has_and_without_what_it_has_not() {
    let scene = scene(0o400);
    for variables in [
        &[("A", "1"), ("B", "2\n")][..],
        &[("A", "1"), ("B", "3"), ("C", "")],
        &[("C", "c")],
        &[],
        &[("with.dot", "é"), (".hidden", "x"), ("-", "y")],
    ] {
        scene.write(variables);
        let mut expected = pairs(variables);
        expected.sort();
        assert_eq!(scene.seen(), expected);
        assert!(scene.holds(variables));
    }
}

#[test]
fn the_set_before_stays_until_it_is_swept() {
    let scene = scene(0o400);
    scene.target.sweep("env").unwrap();
    scene.write(&[("A", "1")]);
    assert_eq!(scene.generations(), 1);
    let before = fs::read_link(scene.path("..data")).unwrap();
    scene.write(&[("A", "2")]);
    let late = scene.path("").join(&before).join("A");
    assert_eq!(
        fs::read_to_string(late).unwrap(),
        "1",
        "who was about to open it still can"
    );
    scene.write(&[("A", "3")]);
    assert_eq!(scene.generations(), 2, "no more than one before");
    scene.target.sweep("env").unwrap();
    assert_eq!((scene.generations(), scene.seen()), (1, pairs(&[("A", "3")])));
}

#[test]
fn readers_get_what_the_mode_says_and_no_more() {
    for (mode, directory) in [(0o400, 0o700), (0o440, 0o750), (0o444, 0o755)] {
        let scene = scene(mode);
        scene.write(&[("A", "1")]);
        let of = |name| fs::metadata(scene.path(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((of("A"), of("..data"), of("")), (mode, directory, directory));
    }
}

#[test]
fn a_set_is_held_only_as_it_is() {
    let scene = scene(0o400);
    assert!(!scene.holds(&[]), "nothing is there");
    scene.write(&[("A", "1"), ("B", "2")]);
    for other in [
        &[("A", "1")][..],
        &[("A", "1"), ("B", "x")],
        &[("A", "1"), ("C", "2")],
        &[("A", "1"), ("B", "2"), ("C", "")],
    ] {
        assert!(!scene.holds(other));
    }
    fs::remove_file(scene.path("A")).unwrap();
    assert!(!scene.holds(&[("A", "1"), ("B", "2")]), "a link is missing");
    scene.write(&[("A", "1"), ("B", "2")]);
    fs::write(scene.path("extra"), "").unwrap();
    assert!(!scene.holds(&[("A", "1"), ("B", "2")]), "something else is there");
}

#[test]
fn what_a_killed_process_left_is_no_hindrance() {
    let scene = scene(0o400);
    scene.write(&[("A", "1")]);
    fs::create_dir(scene.path("..12345")).unwrap();
    fs::write(scene.path("..12345/A"), "half").unwrap();
    symlink("..12345", scene.path("..data_tmp")).unwrap();
    scene.write(&[("A", "2")]);
    assert_eq!(scene.seen(), pairs(&[("A", "2")]));
    scene.target.sweep("env").unwrap();
    assert_eq!(scene.generations(), 1);
}

#[test]
fn links_that_lead_elsewhere_are_replaced_and_not_followed() {
    let scene = scene(0o400);
    let victim = scene.directory.path().join("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("A"), "untouched").unwrap();
    fs::create_dir(scene.path("")).unwrap();
    symlink("../victim", scene.path("..data")).unwrap();
    symlink("../victim", scene.path("..old")).unwrap();
    symlink("../victim/A", scene.path("A")).unwrap();
    assert!(!scene.holds(&[("A", "untouched")]));
    scene.write(&[("A", "secret")]);
    scene.target.sweep("env").unwrap();
    assert_eq!(scene.seen(), pairs(&[("A", "secret")]));
    assert_eq!(fs::read_to_string(victim.join("A")).unwrap(), "untouched");

    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let target = Target::open(directory.path(), 0o400).unwrap();
    fs::create_dir(directory.path().join("victim")).unwrap();
    symlink("victim", directory.path().join("env")).unwrap();
    assert!(target.write_set("env", &members(&[("A", "secret")])).is_err());
    assert_eq!(fs::read_dir(directory.path().join("victim")).unwrap().count(), 0);
}

#[test]
fn a_failed_write_keeps_the_old_set_and_leaves_nothing_of_the_new_one() {
    let scene = scene(0o400);
    scene.write(&[("A", "1")]);
    // Nothing else makes it fail on a file system that is not full.
    let twice = members(&[("A", "2"), ("A", "3")]);
    assert!(scene.target.write_set("env", &twice).is_err());
    assert_eq!((scene.generations(), scene.seen()), (1, pairs(&[("A", "1")])));
}

#[test]
fn a_thousand_files_take_a_page_each() {
    let scene = scene(0o400);
    let names: Vec<_> = (0..1000).map(|number| format!("NAME_{number}")).collect();
    let variables: Vec<_> = names.iter().map(|name| (name.as_str(), "value")).collect();
    scene.write(&variables);
    scene.write(&variables);
    assert_eq!((scene.seen().len(), scene.generations()), (1000, 2));
    let blocks = |path: PathBuf| std::os::unix::fs::MetadataExt::blocks(&fs::metadata(path).unwrap());
    let bytes: u64 = names.iter().map(|name| 512 * blocks(scene.path(name))).sum();
    assert!(
        2 * bytes <= 8 << 20,
        "two sets of 2,500 would not fit into 20 MiB: {bytes}"
    );
}
