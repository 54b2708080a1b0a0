//! `splitvault rotate` and `splitvault keys`: keys that are replaced, and what keeps them from it.

use splitvault_api::{Action, RingName, VaultRequestSpec};

use crate::args::{Asking, Cluster, Master, Prune, Rotate, Waiting};
use crate::cluster::{self, Connection};
use crate::fault::Fault;
use crate::output;
use crate::request::Ask;

/// Asks for what the arguments name.
pub(crate) fn rotate(args: &Rotate) -> Result<(), Fault> {
    let Some(name) = &args.name else {
        return installation(wanted(args), args.waiting, &args.cluster);
    };
    cluster::block_on(async {
        let at = Connection::open(&args.cluster).await?;
        let spec = VaultRequestSpec {
            vault_secret_name: Some(name.clone()),
            ..VaultRequestSpec::of(Action::Rotate)
        };
        let namespace = args.namespace.as_ref().unwrap_or(&at.namespace);
        let ask = Ask {
            at: &at,
            namespace,
            spec,
        };
        ask.run(args.waiting).await
    })
}

/// Asks for the master keys to be wrapped anew.
pub(crate) fn rewrap(args: &Asking) -> Result<(), Fault> {
    installation(VaultRequestSpec::of(Action::Rewrap), args.waiting, &args.cluster)
}

/// Asks for what keeps old master keys for nobody's sake to be removed, or how much there is of it.
pub(crate) fn prune(args: &Prune) -> Result<(), Fault> {
    let spec = VaultRequestSpec {
        dry_run: (!args.yes).then_some(true),
        ..VaultRequestSpec::of(Action::Prune)
    };
    installation(spec, args.waiting, &args.cluster)?;
    if !args.yes {
        output::note("nothing was removed; `splitvault keys prune --yes` does it");
    }
    Ok(())
}

fn wanted(args: &Rotate) -> VaultRequestSpec {
    let ring = args.master.map(|master| match master {
        Master::Key => RingName::Names,
        Master::Value => RingName::Values,
        Master::All => RingName::All,
    });
    let action = match (ring, args.ca) {
        (Some(_), _) => Action::RotateMasterKey,
        (None, true) => Action::RotateCertificateAuthority,
        (None, false) => Action::RotateSealingKey,
    };
    VaultRequestSpec {
        ring,
        ..VaultRequestSpec::of(action)
    }
}

/// What is about the whole installation is asked for in the operator's namespace.
fn installation(spec: VaultRequestSpec, waiting: Waiting, cluster: &Cluster) -> Result<(), Fault> {
    cluster::block_on(async {
        let at = Connection::open(cluster).await?;
        let ask = Ask {
            at: &at,
            namespace: &cluster.operator_namespace,
            spec,
        };
        ask.run(waiting).await
    })
}
