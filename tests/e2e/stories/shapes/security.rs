//! Who the containers of the table run as, and what they may.

use serde_json::json;
use splitvault_tests::Workload;

/// Who the containers run as, and what they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// The *restricted* Pod Security Standard with one UID for all.
    Restricted,
    /// A UID out of a namespace's range in group 0, as OpenShift gives them; no file of the image can be written to.
    Arbitrary,
    /// The same as OpenShift's `restricted-v2` writes it: the UID in each container, the volumes' group in the pod.
    OpenShift,
    /// The restricted standard with a read-only root, and users that are others outside the pod (`hostUsers: false`).
    UserNamespace,
    /// Nothing is said: root, with what the runtime grants.
    Unset,
    /// Root, but of the pod only.
    UserNamespaceRoot,
}

impl Security {
    pub(super) fn is_restricted(self) -> bool {
        !matches!(self, Self::Unset | Self::UserNamespaceRoot)
    }

    pub(super) fn has_own_users(self) -> bool {
        matches!(self, Self::UserNamespace | Self::UserNamespaceRoot)
    }

    /// Mode and owner of the files that containers read, and the UID that reads them.
    pub(super) fn files(self) -> &'static str {
        match self {
            Self::Restricted | Self::UserNamespace => "400 1000 1000",
            Self::Arbitrary => "400 1000680000 1000680000",
            Self::OpenShift => "400 1000690000 1000690000",
            // Of the sidecar's own user, as that is never root.
            Self::Unset | Self::UserNamespaceRoot => "444 65532 0",
        }
    }

    pub(super) fn onto(self, workload: Workload) -> Workload {
        let seccomp = json!({"type": "RuntimeDefault"});
        let mut container = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        match self {
            Self::Restricted => workload,
            Self::OpenShift => {
                container["runAsUser"] = 1_000_690_000.into();
                container["runAsNonRoot"] = true.into();
                container["readOnlyRootFilesystem"] = true.into();
                let pod = json!({"fsGroup": 1_000_690_000, "supplementalGroups": [1_000_690_000],
                    "seccompProfile": seccomp});
                workload
                    .spec("securityContext", pod)
                    .container("securityContext", container)
            }
            Self::UserNamespace => {
                container["readOnlyRootFilesystem"] = true.into();
                workload
                    .spec("hostUsers", false.into())
                    .container("securityContext", container)
            }
            Self::Arbitrary => {
                container["readOnlyRootFilesystem"] = true.into();
                let pod = json!({"runAsNonRoot": true, "runAsUser": 1_000_680_000, "runAsGroup": 0,
                    "fsGroup": 1_000_680_000, "seccompProfile": seccomp});
                workload
                    .spec("securityContext", pod)
                    .spec("automountServiceAccountToken", false.into())
                    .container("securityContext", container)
            }
            Self::Unset => workload
                .spec("securityContext", json!({}))
                .container("securityContext", json!({})),
            Self::UserNamespaceRoot => Self::Unset.onto(workload).spec("hostUsers", false.into()),
        }
    }
}
