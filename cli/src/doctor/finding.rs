//! What was found, and how it is printed.

use serde_json::json;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// As it should be.
    Well,
    /// Worth knowing; also what could not be looked at.
    Note,
    /// Something is wrong with the pod.
    Wrong,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What it is about: an annotation, a container, an object.
    pub(super) about: String,
    pub(super) message: String,
    /// The command to go on with.
    pub(super) next: Option<String>,
}

impl Finding {
    pub(super) fn new(level: Level, about: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            level,
            about: about.into(),
            message: message.into(),
            next: None,
        }
    }

    pub(super) fn next(self, next: impl Into<String>) -> Self {
        let next = Some(next.into());
        Self { next, ..self }
    }
}

/// Whether nothing is wrong.
pub(super) fn is_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.level != Level::Wrong)
}

/// For people: a line for each finding, with its next command below.
pub(super) fn text(namespace: &str, pod: &str, findings: &[Finding]) -> String {
    let mut text = format!("pod {namespace}/{pod}\n");
    for finding in findings {
        let (level, about) = (finding.level.as_str(), visible(&finding.about));
        text.push_str(&format!("{level:>5}  {about}: {}\n", visible(&finding.message)));
        if let Some(next) = &finding.next {
            text.push_str(&format!("       next: {}\n", visible(next)));
        }
    }
    text
}

/// For programs.
pub(super) fn json(namespace: &str, pod: &str, findings: &[Finding]) -> String {
    let each = |finding: &Finding| {
        json!({
            "level": finding.level.as_str(), "about": finding.about, "message": finding.message, "next": finding.next,
        })
    };
    let all: Vec<_> = findings.iter().map(each).collect();
    format!(
        "{:#}\n",
        json!({"namespace": namespace, "pod": pod, "well": is_well(findings), "findings": all})
    )
}

/// What a cluster says may hold anything: nothing of it moves the cursor or forges a line.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
