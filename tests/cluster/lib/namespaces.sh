# shellcheck shell=bash
# The isolation of the cluster: one network, mount and process namespace and one cgroup for all of it.
#
# Everything the cluster starts is a descendant of one holder process, the first in its process
# namespace. When that one ends the kernel ends all the others, and their mounts go with them, so
# that nothing can be left behind. The network namespace has no way out of the machine.

HOLDER_FILE=$CLUSTER_STATE/holder
CLUSTER_CGROUP=splitvault-$CLUSTER_NAME
NODE_IP=10.244.0.1
SERVICE_RANGE=10.96.0.0/16

# process_identity PID prints the start time, which no later process with the same number has.
process_identity() { awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null; }
process_state() { awk '{ sub(/.*\) /, ""); print $1 }' "/proc/$1/stat" 2>/dev/null; }

# The holder is remembered by number and identity; its file says nothing once it has ended.
holder_pid() { cut -d' ' -f1 "$HOLDER_FILE"; }
holder_alive() {
  local pid identity
  [[ -r $HOLDER_FILE ]] && read -r pid identity <"$HOLDER_FILE" || return 1
  [[ -n $identity && $(process_identity "$pid") == "$identity" && $(process_state "$pid") != [ZX] ]]
}

in_network() { nsenter --net="$CLUSTER_NETNS" -- "$@"; }

make_network() {
  [[ -e $CLUSTER_NETNS ]] || ip netns add "$CLUSTER_NETNS_NAME"
  in_network ip link set lo up
  in_network ip address replace "$NODE_IP/32" dev lo
  in_network ip route replace "$SERVICE_RANGE" dev lo src "$NODE_IP"
  in_network sysctl --quiet --write net.ipv4.ip_forward=1
}

# Each hierarchy of cgroup v1, and the one of v2 with its controllers handed down.
cgroup_roots() { awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts | sort -u; }
make_cgroup() {
  local root file
  while read -r root; do
    mkdir -p "$root/$CLUSTER_CGROUP"
    for file in cpuset.cpus cpuset.mems; do
      [[ ! -e $root/$file || -e $root/cgroup.controllers ]] || cat "$root/$file" >"$root/$CLUSTER_CGROUP/$file"
    done
    for file in "$root" "$root/$CLUSTER_CGROUP"; do
      [[ ! -e $file/cgroup.controllers ]] || sed 's/[^ ]*/+&/g' "$file/cgroup.controllers" >"$file/cgroup.subtree_control"
    done
  done < <(cgroup_roots)
}
remove_cgroup() {
  local root tries
  while read -r root; do
    for ((tries = 0; tries < 100; tries++)); do
      [[ -d $root/$CLUSTER_CGROUP ]] || break
      find "$root/$CLUSTER_CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null && break
      sleep 0.05
    done
    [[ ! -d $root/$CLUSTER_CGROUP ]] || say "warning: cgroup $root/$CLUSTER_CGROUP is still in use"
  done < <(cgroup_roots)
}

# The first process that is started after `unshare --pid` is the first of the new namespace. It says when it is ready.
start_holder() {
  nsenter --net="$CLUSTER_NETNS" -- unshare --mount --propagation private --pid -- \
    setsid --fork "$HERE/lib/holder" "$CLUSTER_STATE" </dev/null >>"$CLUSTER_LOGS/holder.log" 2>&1 9>&-
  wait_for 10 "the cluster's first process" holder_alive
}

stop_holder() {
  local pid
  holder_alive || return 0
  pid=$(holder_pid)
  kill -KILL "$pid"
  wait_for 60 "the end of process $pid" not holder_alive
}
