//! Lines for `kubectl logs`: one per change, on standard error.

use std::fmt;
use std::io::{self, Write as _};

/// Longer lines are cut: what the operator says is quoted in them.
const LIMIT: usize = 1000;

/// Writes a line. Control characters in it are made visible, so that nobody forges a second line.
pub(crate) fn say(line: impl fmt::Display) {
    let text = visible(&line.to_string());
    // A log that nobody can take is no reason to stop.
    let _lost = writeln!(io::stderr(), "splitvault: {text}");
}

fn visible(line: &str) -> String {
    let mut shown = String::new();
    for c in line.chars().take(LIMIT) {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Says something once, however often it comes in a row.
#[derive(Debug)]
pub(crate) struct Changes {
    last: Option<String>,
    every_time: bool,
}

impl Changes {
    /// For debugging it can say it every time.
    pub(crate) const fn new(every_time: bool) -> Self {
        Self {
            last: None,
            every_time,
        }
    }

    /// Says the line unless it was the last one; answers whether it did.
    pub(crate) fn say(&mut self, line: impl fmt::Display) -> bool {
        let line = line.to_string();
        let new = self.every_time || self.last.as_ref() != Some(&line);
        if new {
            say(&line);
            self.last = Some(line);
        }
        new
    }

    /// Forgets the last line, so that it is said again when it comes back.
    pub(crate) fn settle(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_said_when_it_changes_or_comes_back() {
        let mut changes = Changes::new(false);
        assert!(changes.say("down"));
        assert!(!changes.say("down"));
        assert!(changes.say("not ready"));
        assert!(changes.say("down"));
        changes.settle();
        assert!(changes.say("down"));
        let mut changes = Changes::new(true);
        assert!(changes.say("down") && changes.say("down"));
    }

    #[test]
    fn a_line_stays_one_line_of_bounded_length() {
        assert_eq!(
            visible("a\nsplitvault: b\x1b[31m\u{85}é"),
            "a\\nsplitvault: b\\u{1b}[31m\\u{85}é"
        );
        assert_eq!(visible(&"x".repeat(5000)).len(), LIMIT);
    }
}
