//! `splitvault lint`: what is wrong with `.env` files, and what other tools would read differently.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use splitvault_dotenv::{ParseError, ParseOptions, Warning, parse};

use crate::args::{FindingFormat, Lint};
use crate::fault::Fault;
use crate::{input, output};

/// One finding. Never a byte of a value.
#[derive(Debug, Serialize)]
struct Finding {
    file: String,
    line: usize,
    column: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    severity: Severity,
    code: &'static str,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Error,
    Warning,
}

/// Prints the findings; the exit code says whether there are errors among them.
pub(crate) fn lint(args: &Lint) -> Result<ExitCode, Fault> {
    let options = ParseOptions {
        dotted_names: false,
        expand: args.expand,
    };
    let mut findings = Vec::new();
    for file in &args.files {
        findings.extend(read(file, &options));
    }
    let text = match args.output {
        FindingFormat::Text => text(&findings),
        FindingFormat::Json => json(&findings)?,
    };
    output::print(text.as_bytes())?;
    let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(ExitCode::from(u8::from(wrong)))
}

fn read(file: &Path, options: &ParseOptions) -> Vec<Finding> {
    let name = input::name(file);
    let text = match input::read(file) {
        Ok(text) => text,
        Err(fault) => return vec![unreadable(name, &fault)],
    };
    // EXPOSE: parsed into single secrets.
    match parse(text.expose(), options) {
        Ok(parsed) => parsed
            .warnings
            .iter()
            .map(|warning| of_warning(&name, warning))
            .collect(),
        Err(error) => vec![of_error(&name, &error)],
    }
}

fn unreadable(file: String, fault: &Fault) -> Finding {
    Finding {
        file,
        line: 0,
        column: 0,
        name: None,
        severity: Severity::Error,
        code: "unreadable",
        message: fault.to_string(),
    }
}

fn of_error(file: &str, error: &ParseError) -> Finding {
    Finding {
        file: file.to_owned(),
        line: error.line,
        column: error.column,
        name: error.name.as_ref().map(|name| name.as_str().to_owned()),
        severity: Severity::Error,
        code: error.kind.code(),
        message: error.kind.to_string(),
    }
}

fn of_warning(file: &str, warning: &Warning) -> Finding {
    Finding {
        file: file.to_owned(),
        line: warning.line,
        column: warning.column,
        name: Some(warning.name.as_str().to_owned()),
        severity: Severity::Warning,
        code: warning.kind.code(),
        message: warning.kind.to_string(),
    }
}

/// `file:line:column: error: NAME: message`, as compilers do, so that editors find the place.
fn text(findings: &[Finding]) -> String {
    let colours = output::colours(io::stdout().is_terminal());
    let line = |finding: &Finding| {
        let place = match finding.line {
            0 => finding.file.clone(),
            line => format!("{}:{line}:{}", finding.file, finding.column),
        };
        let severity = match finding.severity {
            Severity::Error => output::painted("error", "31", colours),
            Severity::Warning => output::painted("warning", "33", colours),
        };
        let name = finding
            .name
            .as_ref()
            .map(|name| format!("{name}: "))
            .unwrap_or_default();
        format!("{place}: {severity}: {name}{}\n", finding.message)
    };
    findings.iter().map(line).collect()
}

fn json(findings: &[Finding]) -> Result<String, Fault> {
    let text = serde_json::to_string_pretty(findings);
    let text = text.map_err(|error| Fault::failure(format!("cannot write the findings: {error}")))?;
    Ok(text + "\n")
}
