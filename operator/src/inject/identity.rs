//! As whom the sidecar runs, and who may read what it writes.

use k8s_openapi::api::core::v1::PodSpec;
use splitvault_api::Request;

use super::containers::{Target, Way};

/// The user of the sidecar's image.
const OWN: i64 = 65532;

/// As whom the sidecar runs, and the mode of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// `None` leaves it to the pod and to the image, whose user is not root.
    pub(super) run_as_user: Option<i64>,
    /// Octal permissions.
    pub(super) file_mode: u32,
}

impl Identity {
    /// The UID of the readers and 0400 when they are known to have one and the same, which is not root's; else 0444
    /// on a volume that nobody else has. Kubelet reads as root.
    pub(super) fn of(
        spec: &PodSpec,
        request: &Request,
        targets: &[Target<'_>],
        warnings: &mut Vec<String>,
    ) -> Self {
        let pod = of_pod(spec);
        let uid = |target: &Target<'_>| of_container(target, pod).filter(|uid| *uid != 0);
        let mut readers = targets
            .iter()
            .filter(|target| target.way != Way::Kubelet)
            .map(uid);
        let first = readers.next();
        let same = match first {
            // Kubelet alone.
            None => Some(None),
            Some(uid) => (uid.is_some() && readers.all(|other| other == uid)).then_some(uid),
        };
        if let (None, Some(0o400)) = (same, request.file_mode) {
            warnings.push(
                "annotation splitvault.dev/file-mode is 0400, but the containers' UIDs are not known to be the same: \
                 set runAsUser, or some may not read their variables"
                    .to_owned(),
            );
        }
        Self {
            // The sidecar never runs as root, even where the pod does.
            run_as_user: same.flatten().or((pod == Some(0)).then_some(OWN)),
            file_mode: request
                .file_mode
                .unwrap_or(if same.is_some() { 0o400 } else { 0o444 }),
        }
    }
    /// Whether the sidecar is known to have the UID of every container that is injected into, so that it may send their
    /// processes signals.
    pub(super) fn is_of_all(self, spec: &PodSpec, targets: &[Target<'_>]) -> bool {
        let pod = of_pod(spec);
        let own = self.run_as_user.or(pod);
        own.is_some() && targets.iter().all(|target| of_container(target, pod) == own)
    }
}

fn of_pod(spec: &PodSpec) -> Option<i64> {
    let context = spec.security_context.as_ref();
    context.and_then(|context| context.run_as_user)
}

fn of_container(target: &Target<'_>, pod: Option<i64>) -> Option<i64> {
    let context = target.container.security_context.as_ref();
    context.and_then(|context| context.run_as_user).or(pod)
}
