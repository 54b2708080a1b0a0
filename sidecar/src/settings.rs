//! What the injected container is told by its environment.

mod file;
mod reaction;

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use splitvault_wire::pod;

use crate::args::list;
use crate::format::AppFile;
use crate::reaction::Reaction;

/// Which files to write, besides the gate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Modes {
    /// The file that `exec` reads.
    pub exec: bool,
    /// The file for applications.
    pub file: Option<AppFile>,
    /// The file that kubelet reads.
    pub kubelet: bool,
}

/// The settings of a sidecar or init container.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The operator's host name or address.
    pub host: String,
    /// The delivery API's port.
    pub port: u16,
    /// The certificates (PEM) that the operator's must chain to.
    pub ca: String,
    /// Names of the VaultSecrets.
    pub vault_secrets: Vec<String>,
    /// The pod's UID.
    pub pod_uid: String,
    /// Which files to write.
    pub modes: Modes,
    /// How often to look for a newer revision; `None` for an init container.
    pub refresh: Option<Duration>,
    /// The mode of the written files.
    pub file_mode: u32,
    /// Where the files go.
    pub directory: PathBuf,
    /// Where the pod's token is.
    pub token: PathBuf,
    /// What to do once changed variables are in place.
    pub reaction: Reaction,
    /// The least time between the start or the last reaction and the next one; `None` for what goes with the reaction.
    pub distance: Option<Duration>,
    /// The port on 127.0.0.1 to answer `/healthz` and `/readyz` on; `None` listens nowhere.
    pub health_port: Option<u16>,
    /// Whether to say why for every try that fails, not only when the reason changes.
    pub every_try: bool,
}

/// A variable of the injected container is missing or makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct InvalidSetting {
    /// Which one.
    pub variable: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Settings {
    /// Reads the settings from variables, which `variable` looks up by name.
    ///
    /// # Errors
    /// The first variable that is missing or makes no sense.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let optional = |name: &str| variable(name).filter(|value| !value.is_empty());
        let required = |name| optional(name).ok_or(invalid(name, "is not set"));
        let (host, port) = endpoint(&required(pod::OPERATOR)?)?;
        let vault_secrets: Vec<_> = list(&required(pod::VAULT_SECRETS)?).collect();
        if vault_secrets.is_empty() {
            return Err(invalid(pod::VAULT_SECRETS, "names no VaultSecret"));
        }
        let token = optional(pod::TOKEN).map_or_else(
            || PathBuf::from(pod::TOKEN_DIRECTORY).join(pod::TOKEN_FILE),
            PathBuf::from,
        );
        let directory = optional(pod::DIRECTORY).unwrap_or_else(|| pod::ENV_DIRECTORY.to_owned());
        Ok(Self {
            host,
            port,
            ca: required(pod::CA)?,
            vault_secrets,
            pod_uid: required(pod::POD_UID)?,
            modes: modes(&required(pod::MODE)?, &optional)?,
            refresh: refresh(&required(pod::REFRESH)?)?,
            file_mode: optional(pod::FILE_MODE).map_or(Ok(0o400), |mode| file_mode(&mode))?,
            directory: directory.into(),
            token,
            reaction: reaction::read(&optional)?,
            distance: optional(pod::DISTANCE)
                .map(|text| seconds(pod::DISTANCE, &text))
                .transpose()?,
            health_port: optional(pod::HEALTH_PORT)
                .map(|text| health_port(&text))
                .transpose()?,
            every_try: matches!(optional(pod::LOG).as_deref(), Some("debug" | "trace")),
        })
    }
}

const fn invalid(variable: &'static str, problem: &'static str) -> InvalidSetting {
    InvalidSetting { variable, problem }
}

fn endpoint(url: &str) -> Result<(String, u16), InvalidSetting> {
    let refused = invalid(pod::OPERATOR, "is not a URL of the form https://host[:port]");
    let url: Uri = url.parse().map_err(|_| refused.clone())?;
    let plain = url.path() == "/" && url.query().is_none();
    match (url.scheme_str(), url.host()) {
        (Some("https"), Some(host)) if plain && !host.is_empty() => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            Ok((host.to_owned(), url.port_u16().unwrap_or(443)))
        }
        _ => Err(refused),
    }
}

fn modes(names: &str, optional: &impl Fn(&str) -> Option<String>) -> Result<Modes, InvalidSetting> {
    let mut modes = Modes {
        kubelet: optional(pod::KUBELET).as_deref() == Some("1"),
        ..Modes::default()
    };
    for name in names.split(',') {
        match name {
            pod::MODE_ENV => modes.exec = true,
            pod::MODE_FILE => modes.file = Some(file::read(optional)?),
            _ => return Err(invalid(pod::MODE, "is neither env nor file")),
        }
    }
    Ok(modes)
}

fn refresh(text: &str) -> Result<Option<Duration>, InvalidSetting> {
    seconds(pod::REFRESH, text).map(|every| (!every.is_zero()).then_some(every))
}

fn seconds(name: &'static str, text: &str) -> Result<Duration, InvalidSetting> {
    match text.parse() {
        Ok(seconds @ 0..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err(invalid(name, "is not a number of seconds from 0 to 86400")),
    }
}

fn health_port(text: &str) -> Result<u16, InvalidSetting> {
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err(invalid(pod::HEALTH_PORT, "is not a port from 1 to 65535")),
    }
}

/// Readable by the owner at least, executable by nobody, writable by not just anybody.
fn file_mode(octal: &str) -> Result<u32, InvalidSetting> {
    match u32::from_str_radix(octal, 8) {
        Ok(mode) if mode & 0o400 != 0 && mode & !0o664 == 0 => Ok(mode),
        _ => Err(invalid(
            pod::FILE_MODE,
            "is not a file mode such as 0400, 0440 or 0444",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn complete() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            (
                pod::OPERATOR,
                "https://splitvault-operator.splitvault-system.svc:8443",
            ),
            (pod::CA, "PEM"),
            (pod::VAULT_SECRETS, "web,db"),
            (pod::POD_UID, "uid"),
            (pod::MODE, "env"),
            (pod::REFRESH, "60"),
        ])
    }

    fn read(variables: &BTreeMap<&'static str, &'static str>) -> Result<Settings, InvalidSetting> {
        Settings::from_variables(|name| variables.get(name).map(|&value| value.to_owned()))
    }

    #[test]
    fn what_the_webhook_sets_is_understood() {
        let settings = read(&complete()).unwrap();
        assert_eq!(settings.host, "splitvault-operator.splitvault-system.svc");
        assert_eq!(settings.port, 8443);
        assert_eq!(settings.vault_secrets, ["web", "db"]);
        assert_eq!(settings.refresh, Some(Duration::from_secs(60)));
        assert_eq!(settings.file_mode, 0o400);
        assert_eq!(settings.health_port, None);
        assert_eq!(
            settings.modes,
            Modes {
                exec: true,
                ..Modes::default()
            }
        );
        assert_eq!(settings.directory, PathBuf::from("/run/splitvault"));
        assert_eq!(settings.token, PathBuf::from("/var/run/secrets/splitvault/token"));
    }

    #[test]
    fn each_variable_that_is_needed_is_asked_for_by_name() {
        for name in complete().into_keys() {
            let mut variables = complete();
            variables.remove(name);
            assert_eq!(read(&variables).unwrap_err(), invalid(name, "is not set"));
            variables.insert(name, "");
            assert_eq!(read(&variables).unwrap_err(), invalid(name, "is not set"));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let nonsense = [
            (pod::OPERATOR, "http://operator"),
            (pod::OPERATOR, "operator:8443"),
            (pod::OPERATOR, "https://"),
            (pod::OPERATOR, "https://operator/path"),
            (pod::VAULT_SECRETS, ",,"),
            (pod::MODE, "ENV"),
            (pod::MODE, "env,"),
            (pod::REFRESH, "-1"),
            (pod::REFRESH, "86401"),
            (pod::DISTANCE, "x"),
            (pod::HEALTH_PORT, "0"),
            (pod::HEALTH_PORT, "65536"),
            (pod::HEALTH_PORT, "0.0.0.0:80"),
            (pod::FILE_MODE, "0200"),
            (pod::FILE_MODE, "0755"),
            (pod::FILE_MODE, "0446"),
            (pod::FILE_MODE, "04400"),
            (pod::FILE_MODE, "rw"),
        ];
        for (name, value) in nonsense {
            let mut variables = complete();
            variables.insert(name, value);
            assert_eq!(read(&variables).unwrap_err().variable, name, "{value}");
        }
    }

    #[test]
    fn an_address_may_stand_for_the_host() {
        assert_eq!(endpoint("https://[::1]:1"), Ok(("::1".to_owned(), 1)));
        assert_eq!(endpoint("https://10.0.0.1/"), Ok(("10.0.0.1".to_owned(), 443)));
    }

    #[test]
    fn zero_means_to_write_once() {
        assert_eq!(refresh("0"), Ok(None));
    }
}
