//! What the cluster's kubelets can do, by the API server's version.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::version::Info;
use kube::Client;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::lookup::PATIENCE;

/// After which the cluster may have been upgraded.
const RECALL: Duration = Duration::from_secs(600);
/// The first version whose kubelets read environment files unless told not to (KEP-3721).
const ENVIRONMENT_FILES: (u32, u32) = (1, 35);
/// The first version whose kubelets restart all containers of a pod in place unless told not to (KEP-5532).
const RESTART_IN_PLACE: (u32, u32) = (1, 36);

/// What kubelets can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Abilities {
    pub(super) environment_files: bool,
    pub(super) restart_in_place: bool,
}

/// Knows the answer for a while.
#[derive(Debug, Default)]
pub(super) struct Kubelets(Mutex<Option<(Instant, Abilities)>>);

impl Kubelets {
    /// Asks the API server, or remembers.
    ///
    /// # Errors
    /// When the API server does not answer and never did.
    pub(super) async fn look(&self, client: &Client) -> Result<Abilities, kube::Error> {
        let mut known = self.0.lock().await;
        if let Some((when, abilities)) = *known
            && when.elapsed() < RECALL
        {
            return Ok(abilities);
        }
        let version = timeout(PATIENCE, client.apiserver_version()).await;
        let version = version.unwrap_or_else(|late| Err(kube::Error::Service(Box::new(late))));
        match (version, *known) {
            (Ok(version), _) => {
                let abilities = Abilities::of(&version);
                *known = Some((Instant::now(), abilities));
                Ok(abilities)
            }
            (Err(_), Some((_, abilities))) => Ok(abilities),
            (Err(error), None) => Err(error),
        }
    }
}

impl Abilities {
    /// Some distributions write `35+`.
    fn of(version: &Info) -> Self {
        let number = |text: &str| {
            let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().unwrap_or(0)
        };
        let version = (number(&version.major), number(&version.minor));
        Self {
            environment_files: version >= ENVIRONMENT_FILES,
            restart_in_place: version >= RESTART_IN_PLACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ability_is_there_from_its_version_on() {
        let of = |major: &str, minor: &str| {
            let (major, minor) = (major.to_owned(), minor.to_owned());
            let abilities = Abilities::of(&Info {
                major,
                minor,
                ..Info::default()
            });
            (abilities.environment_files, abilities.restart_in_place)
        };
        for (major, minor) in [("1", "36"), ("1", "37+"), ("2", "0")] {
            assert_eq!(of(major, minor), (true, true), "{major}.{minor}");
        }
        assert_eq!(of("1", "35+"), (true, false));
        for (major, minor) in [("1", "34"), ("1", "9+"), ("", ""), ("x", "99")] {
            assert_eq!(of(major, minor), (false, false), "{major}.{minor}");
        }
    }
}
