//! Which providers wrap the keys of each ring: what the command line says.

use std::fmt;
use std::str::FromStr;

use splitvault_kms::Address;

/// A provider of key-encryption keys: `file`, or `kms:unix:///PATH`, or `kms:NAME=unix:///PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The Secret splitvault-kek.
    File,
    /// A KMS v2 plugin at a unix socket.
    Kms(Address),
}

/// Why a text is no provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected file, kms:unix:///PATH or kms:NAME=unix:///PATH{}", .0.map(|why| format!("; {why}")).unwrap_or_default())]
pub struct NoChoice(Option<splitvault_kms::AddressError>);

impl FromStr for Choice {
    type Err = NoChoice;

    fn from_str(text: &str) -> Result<Self, NoChoice> {
        match text.strip_prefix("kms:") {
            Some(address) => address.parse().map(Self::Kms).map_err(|why| NoChoice(Some(why))),
            None if text == "file" => Ok(Self::File),
            None => Err(NoChoice(None)),
        }
    }
}

impl Choice {
    /// What it is called in stored keys and metrics.
    pub fn name(&self) -> &str {
        match self {
            Self::File => "file",
            Self::Kms(address) => address.name().as_str(),
        }
    }

    /// Whether both would claim the same stored keys.
    fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File, Self::File) => true,
            (Self::Kms(one), Self::Kms(two)) => one.name() == two.name(),
            (Self::File, Self::Kms(_)) | (Self::Kms(_), Self::File) => false,
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("file"),
            Self::Kms(address) => write!(f, "kms:{address}"),
        }
    }
}

/// What wraps keys at rest.
#[derive(Debug, Clone, clap::Args)]
pub struct Choices {
    /// What wraps the keys of names: `file`, the Secret splitvault-kek, or a KMS v2 plugin, such as
    /// `kms:unix:///run/kms/names.sock`, or `kms:NAME=unix:///…` where there is more than one.
    #[arg(
        long,
        env = "SPLITVAULT_NAMES_KEK",
        value_name = "PROVIDER",
        default_value = "file"
    )]
    pub names_kek: Choice,
    /// The same for the keys of values.
    #[arg(
        long,
        env = "SPLITVAULT_VALUES_KEK",
        value_name = "PROVIDER",
        default_value = "file"
    )]
    pub values_kek: Choice,
    /// What the keys of names were wrapped by before, and are moved away from; may be repeated.
    #[arg(
        long,
        env = "SPLITVAULT_FORMER_NAMES_KEK",
        value_name = "PROVIDER",
        value_delimiter = ','
    )]
    pub former_names_kek: Vec<Choice>,
    /// The same for the keys of values.
    #[arg(
        long,
        env = "SPLITVAULT_FORMER_VALUES_KEK",
        value_name = "PROVIDER",
        value_delimiter = ','
    )]
    pub former_values_kek: Vec<Choice>,
}

impl Choices {
    /// The providers of names and those of values, the one that wraps first.
    ///
    /// # Errors
    /// When two providers of a ring have one name: nobody could tell whose keys are whose.
    pub fn rings(&self) -> anyhow::Result<[Vec<Choice>; 2]> {
        let ring = |ring: &str, current: &Choice, former: &[Choice]| {
            let mut all = vec![current.clone()];
            for choice in former {
                if let Some(other) = all.iter().find(|other| other.clashes(choice)) {
                    anyhow::bail!(
                        "{other} and {choice} both wrap keys of {ring} as {:?}: name one kms:NAME=unix:///PATH, or \
                         leave it out",
                        choice.name()
                    );
                }
                all.push(choice.clone());
            }
            Ok(all)
        };
        Ok([
            ring("names", &self.names_kek, &self.former_names_kek)?,
            ring("values", &self.values_kek, &self.former_values_kek)?,
        ])
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        choices: Choices,
    }

    fn rings(arguments: &[&str]) -> Option<[Vec<String>; 2]> {
        let line = Line::try_parse_from([&["operator"], arguments].concat()).ok()?;
        let rings = line.choices.rings().ok()?;
        Some(rings.map(|ring| ring.iter().map(Choice::to_string).collect()))
    }

    #[test]
    fn the_secret_wraps_both_rings_unless_told_otherwise() {
        assert_eq!(rings(&[]).unwrap(), [["file"], ["file"]]);
        assert_eq!(
            rings(&["--names-kek=kms:unix:///run/kms.sock", "--former-names-kek=file"]).unwrap(),
            [vec!["kms:kms=unix:///run/kms.sock", "file"], vec!["file"]]
        );
        let former = "--former-values-kek=kms:a=unix:///a,kms:b=unix:///b";
        assert_eq!(rings(&[former]).unwrap()[1].len(), 3);
    }

    #[test]
    fn two_providers_of_a_ring_have_two_names() {
        assert_eq!(rings(&["--former-names-kek=file"]), None);
        let kms = "--values-kek=kms:unix:///run/new.sock";
        assert_eq!(
            rings(&[kms, "--former-values-kek=kms:unix:///run/old.sock"]),
            None
        );
        assert!(rings(&[kms, "--former-values-kek=kms:old=unix:///run/old.sock"]).is_some());
        assert!(
            rings(&[kms, "--names-kek=kms:unix:///run/new.sock"]).is_some(),
            "two rings, one plugin"
        );
    }

    #[test]
    fn what_is_no_provider_is_refused() {
        for text in [
            "",
            "File",
            "kms",
            "kms:",
            "kms:/run/kms.sock",
            "kms:http://kms",
            "unix:///run/kms.sock",
        ] {
            assert!(text.parse::<Choice>().is_err(), "{text}");
        }
    }
}
