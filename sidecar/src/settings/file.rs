//! The file for applications.

use splitvault_wire::pod;

use super::{InvalidSetting, invalid};
use crate::format::{AppFile, Format};

pub(super) fn read(optional: &impl Fn(&str) -> Option<String>) -> Result<AppFile, InvalidSetting> {
    let format = optional(pod::FORMAT).map_or(Ok(Format::default()), |name| {
        Format::named(&name).ok_or(invalid(pod::FORMAT, "is not dotenv, json, yaml or files"))
    })?;
    let name = optional(pod::FILE).unwrap_or_else(|| format.usual_name().to_owned());
    if !pod::is_file_name(&name) {
        return Err(invalid(pod::FILE, "is not a name that a file may have there"));
    }
    Ok(AppFile { format, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(format: &str, name: &str) -> Result<AppFile, InvalidSetting> {
        let value = |variable: &str| match variable {
            pod::FORMAT => format,
            pod::FILE => name,
            _ => "",
        };
        read(&|variable: &str| Some(value(variable).to_owned()).filter(|value| !value.is_empty()))
    }

    #[test]
    fn each_format_has_its_usual_name_and_may_have_another() {
        for (text, format, name) in [
            ("", Format::Dotenv, ".env"),
            ("dotenv", Format::Dotenv, ".env"),
            ("json", Format::Json, "env.json"),
            ("yaml", Format::Yaml, "env.yaml"),
            ("files", Format::Files, "env"),
        ] {
            assert_eq!(with(text, ""), Ok(format.into()));
            assert_eq!(AppFile::from(format).name, name);
            let other = "app.conf".to_owned();
            assert_eq!(with(text, "app.conf"), Ok(AppFile { format, name: other }));
        }
    }

    #[test]
    fn what_leads_elsewhere_or_is_ours_is_refused() {
        assert_eq!(with("toml", "").unwrap_err().variable, pod::FORMAT);
        for name in [
            "../x",
            "a/b",
            "/etc/passwd",
            "..",
            "..data",
            pod::GATE_ENV,
            pod::ENV_BIN,
        ] {
            assert_eq!(with("json", name).unwrap_err().variable, pod::FILE, "{name}");
        }
    }
}
