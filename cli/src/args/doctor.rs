//! `splitvault doctor`.

use clap::{Args as Group, Subcommand};

use super::{Cluster, FindingFormat, namespace, object_name};

#[derive(Debug, Subcommand)]
pub(crate) enum Doctor {
    /// Look at a pod: its annotations, the webhook, its containers, the VaultSecrets, the sidecar
    #[command(after_help = "Examples:
  splitvault doctor pod web-7d4b9 -n shop
  splitvault doctor pod web-7d4b9 -n shop -o json | jq '.findings[] | select(.level == \"wrong\")'

It reads with your own rights, and says of what you may not read that you may not. It changes nothing.
Exit codes: 0 all is well, 1 something is wrong with the pod or it cannot be read, 2 wrong usage.")]
    Pod(DoctorPod),
}

#[derive(Debug, Group)]
pub(crate) struct DoctorPod {
    /// The pod
    #[arg(value_parser = object_name)]
    pub(crate) name: String,
    /// Its namespace [default: the one of the kubeconfig's context]
    #[arg(long, short, value_parser = namespace)]
    pub(crate) namespace: Option<String>,
    /// How findings are printed
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: FindingFormat,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}
