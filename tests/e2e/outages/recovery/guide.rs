//! The commands of a document, run as they stand there, in a directory of their own.

use std::fs;
use std::path::PathBuf;

use splitvault_tests::{repository, run};

/// Where a person would sit: a directory in which `charts` and `examples` are those of the repository, and where a backup
/// goes.
pub(crate) struct Guide {
    directory: tempfile::TempDir,
}

impl Guide {
    /// `values` are those that the installation has: who installs it again gives the same.
    pub(crate) fn in_a_directory_with_values(values: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["charts", "examples"] {
            std::os::unix::fs::symlink(repository().join(name), directory.path().join(name)).unwrap();
        }
        fs::write(directory.path().join("values.json"), values).unwrap();
        Self { directory }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs the first block of commands under this heading; at a line that says in words what to do, does that.
    pub(crate) fn follow(&self, document: &str, heading: &str, by_hand: impl Fn(&Self)) {
        self.run(&block(document, heading, 0), by_hand);
    }

    /// Runs another block, which has commands only.
    pub(crate) fn follow_block(&self, document: &str, heading: &str, number: usize) {
        self.run(&block(document, heading, number), |_| {});
    }

    fn run(&self, commands: &[String], by_hand: impl Fn(&Self)) {
        for command in commands {
            if command.starts_with('#') {
                by_hand(self);
                continue;
            }
            let command = self.here(command);
            let script = format!("cd {} && {command}", self.directory.path().display());
            let done = run("bash", &["-ec", &script], b"").unwrap();
            assert_eq!(done.code, Some(0), "{command}: {}{}", done.text(), done.stderr);
        }
    }

    /// The same with the image that this cluster has, and the values of before, as the text asks for.
    fn here(&self, command: &str) -> String {
        if command.starts_with("helm install") {
            return command.replacen("--set", "--values values.json --set", 1);
        }
        let pod = "kubectl apply -f examples/recovery/volumes.yaml";
        if command == pod {
            return "sed s#busybox:1#localhost/busybox:1# examples/recovery/volumes.yaml | kubectl apply -f -".to_owned();
        }
        command.to_owned()
    }
}

/// The lines of a block of commands under a heading.
fn block(document: &str, heading: &str, number: usize) -> Vec<String> {
    let text = fs::read_to_string(repository().join("docs").join(document)).unwrap();
    let (_, section) = text.split_once(&format!("\n{heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut blocks = section.split("\n```").skip(1).step_by(2);
    let block = blocks.nth(number).unwrap();
    block.trim().lines().map(str::to_owned).collect()
}
