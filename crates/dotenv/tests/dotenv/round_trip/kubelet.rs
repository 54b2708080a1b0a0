//! Kubelet's reader of environment files (pkg/kubelet/util/env of Kubernetes 1.37), asked for each name in turn.

use std::collections::VecDeque;

/// Reads the variables of a file, each as kubelet would find it.
pub(super) fn read(text: &str) -> super::Pairs {
    let names = names(text);
    names
        .into_iter()
        .map(|name| (name.clone(), find(text, &name)))
        .collect()
}

/// `bufio.ScanLines`: a CR before the LF is dropped, an empty last line is none.
fn lines(text: &str) -> VecDeque<&str> {
    let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    lines
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .collect()
}

fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    walk(text, |name, _| {
        names.push(name.to_owned());
        false
    });
    names
}

fn find(text: &str, wanted: &str) -> String {
    let mut found = String::new();
    walk(text, |name, value| {
        let first = name == wanted;
        if first {
            found = value.to_owned();
        }
        first
    });
    found
}

fn walk(text: &str, mut stop: impl FnMut(&str, &str) -> bool) {
    if text.is_empty() {
        return;
    }
    let mut lines = lines(text);
    while let Some(line) = lines.pop_front() {
        assert!(line.len() < 64 * 1024, "bufio.Scanner: token too long");
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').expect("missing '='");
        assert!(
            !name.is_empty() && !name.ends_with([' ', '\t']),
            "whitespace before '='"
        );
        let mut rest = value
            .strip_prefix('\'')
            .expect("value must be enclosed in single quotes");
        let mut value = String::new();
        loop {
            if let Some((end, behind)) = rest.split_once('\'') {
                value.push_str(end);
                let behind = behind.trim_start_matches([' ', '\t']);
                assert!(behind.is_empty() || behind.starts_with('#'), "unexpected content");
                break;
            }
            value.push_str(rest);
            value.push('\n');
            rest = lines.pop_front().expect("unclosed single quote");
        }
        if stop(name, &value) {
            return;
        }
    }
}
