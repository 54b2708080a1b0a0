# shellcheck shell=bash disable=SC2034
# Where everything is, and how the scripts speak. Sourced by all of them; changes nothing.
#
# Binaries and build output live in the user's cache, outside the clone. What a running
# cluster owns lives in one directory, $CLUSTER_STATE, which `down` removes.

# A failure inside $(…) is a failure.
shopt -s inherit_errexit

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REPO=$(cd "$HERE/../.." && pwd)
CLUSTER_NAME=${SPLITVAULT_CLUSTER:-default}
CLUSTER_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/splitvault
CLUSTER_STATE=/var/lib/splitvault-cluster/$CLUSTER_NAME
CLUSTER_LOCK=/run/lock/splitvault-cluster-$CLUSTER_NAME.lock
CLUSTER_LOGS=$CLUSTER_STATE/log
CLUSTER_KUBECONFIG=$CLUSTER_STATE/kubeconfig
CLUSTER_NETNS_NAME=splitvault-$CLUSTER_NAME
CLUSTER_NETNS=/run/netns/$CLUSTER_NETNS_NAME

# `setup` puts a Go into the cache when the machine has none, or one that is too old.
[[ ! -d $CLUSTER_CACHE/go/bin ]] || PATH=$CLUSTER_CACHE/go/bin:$PATH
PATH=$PATH:/usr/local/go/bin:$HOME/.cargo/bin:/usr/sbin:/sbin

# say TEXT… prints a progress line with the seconds since the script began.
say() { printf '[%3ds] %s\n' "$SECONDS" "$*" >&2; }

# die WHAT [ADVICE] stops with what is wrong and, on a second line, what to do about it.
die() {
  printf 'error: %s\n' "$1" >&2
  [[ $# -lt 2 ]] || printf '       %s\n' "$2" >&2
  exit 1
}

# The user's own cluster is used when KUBECONFIG is set to something other than ours.
foreign_cluster() { [[ -n ${KUBECONFIG:-} && $KUBECONFIG != "$CLUSTER_KUBECONFIG" ]]; }

need_root() { [[ $EUID -eq 0 ]] || die "$1 needs root" "it makes namespaces, mounts and cgroups: run it with sudo, or set KUBECONFIG to a cluster of your own"; }

# need_commands CMD… stops with all that is missing at once.
need_commands() {
  local missing=() command
  for command; do command -v "$command" >/dev/null || missing+=("$command"); done
  [[ ${#missing[@]} -eq 0 ]] || die "missing on this machine: ${missing[*]}" "run tests/cluster/setup, which installs what is missing"
}

# What the scripts call, besides the Go tools and cargo.
COMMANDS_TO_RUN=(bash awk base64 buildah busybox cc find findmnt flock ip jq mount nft nsenter openssl pgrep sed setsid sha256sum sysctl unshare)

# Cargo's output lives outside the clone; the triple is the machine's own.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CLUSTER_CACHE/target}
CARGO_TRIPLE=$(uname -m)-unknown-linux-gnu
cargo_path() { printf '%s\n' "$CARGO_TARGET_DIR/debug:$CARGO_TARGET_DIR/release"; }
