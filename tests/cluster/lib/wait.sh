# shellcheck shell=bash
# Waiting, with a bound and an honest message.

not() { ! "$@"; }

# wait_for SECONDS WHAT CMD… tries a command until it succeeds.
wait_for() {
  local limit=$1 what=$2 deadline=$((SECONDS + $1))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [[ $SECONDS -lt $deadline ]] || die "$what: not there after $limit seconds" "see the logs in $CLUSTER_LOGS; tests/cluster/down and tests/cluster/up start afresh"
    sleep 0.1
  done
}

# wait_ready COMPONENT waits until it does its work; one that has ended is not waited for.
wait_ready() {
  local name=$1 deadline=$((SECONDS + 60))
  until "ready_$name" >/dev/null 2>&1; do
    component_alive "$name" || { tail -n 5 "$CLUSTER_LOGS/$name.log" >&2; die "$name has ended by itself" "see $CLUSTER_LOGS/$name.log"; }
    [[ $SECONDS -lt $deadline ]] || die "$name is not ready after 60 seconds" "see $CLUSTER_LOGS/$name.log; tests/cluster/down and tests/cluster/up start afresh"
    sleep 0.1
  done
}
