# shellcheck shell=bash disable=SC2034
# The processes of the cluster, in the order in which they start, and how each is run.

NODE_NAME=node
KUBE=$CLUSTER_STATE/pki
COMPONENTS=(containerd etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy coredns provisioner)

# component_pid NAME prints its process, found by name in the cluster's process namespace.
component_pid() { pgrep --ns "$(holder_pid)" --nslist pid --oldest --exact "${1:0:15}"; }
component_alive() { component_pid "$1" >/dev/null; }

# start_component NAME CMD… starts it inside the cluster's namespaces unless it runs already.
start_component() {
  local name=$1 deadline=$((SECONDS + 5))
  shift
  ! component_alive "$name" || return 0
  say "starting $name"
  nsenter --target "$(holder_pid)" --mount --net --pid --wd="$CLUSTER_STATE" -- setsid --fork \
    env -i PATH="$PATH" HOME="$CLUSTER_STATE" KUBECONFIG="$CLUSTER_KUBECONFIG" "$@" </dev/null >>"$CLUSTER_LOGS/$name.log" 2>&1 9>&-
  until component_alive "$name"; do
    [[ $SECONDS -lt $deadline ]] || { tail -n 5 "$CLUSTER_LOGS/$name.log" >&2; die "$name did not start" "see $CLUSTER_LOGS/$name.log"; }
    sleep 0.01
  done
}

start_containerd() { start_component containerd containerd --config "$CLUSTER_STATE/config/containerd.toml"; }

# A test cluster is thrown away after a power cut, so it need not wait for the disk.
start_etcd() {
  start_component etcd etcd --name default --data-dir "$CLUSTER_STATE/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster default=http://127.0.0.1:2380 --quota-backend-bytes 4294967296
}

# No encryption at rest, on purpose: tests read etcd's keys and values as they are.
start_kube-apiserver() {
  start_component kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 \
    --advertise-address "$NODE_IP" --bind-address 0.0.0.0 --secure-port 6443 --service-cluster-ip-range "$SERVICE_RANGE" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged --profiling=false \
    --client-ca-file "$KUBE/ca.crt" --tls-cert-file "$KUBE/kube-apiserver.crt" --tls-private-key-file "$KUBE/kube-apiserver.key" \
    --kubelet-certificate-authority "$KUBE/ca.crt" --kubelet-client-certificate "$KUBE/kube-apiserver.crt" \
    --kubelet-client-key "$KUBE/kube-apiserver.key" --kubelet-preferred-address-types InternalIP \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$KUBE/service-accounts.key" --service-account-signing-key-file "$KUBE/service-accounts.key" \
    --admission-control-config-file "$CLUSTER_STATE/config/admission.yaml" \
    --audit-policy-file "$CLUSTER_STATE/config/audit.yaml" --audit-log-path "$CLUSTER_LOGS/audit.log" --audit-log-maxsize 1000 \
    --audit-log-maxbackup 1
}

start_kube-controller-manager() {
  start_component kube-controller-manager kube-controller-manager --kubeconfig "$KUBE/kube-controller-manager.kubeconfig" \
    --authentication-kubeconfig "$KUBE/kube-controller-manager.kubeconfig" --authorization-kubeconfig "$KUBE/kube-controller-manager.kubeconfig" \
    --bind-address 127.0.0.1 --use-service-account-credentials --service-account-private-key-file "$KUBE/service-accounts.key" \
    --root-ca-file "$KUBE/ca.crt" --cluster-signing-cert-file "$KUBE/ca.crt" --cluster-signing-key-file "$KUBE/ca.key" \
    --leader-elect=false --kube-api-qps 500 --kube-api-burst 1000 --profiling=false
}

start_kube-scheduler() {
  start_component kube-scheduler kube-scheduler --kubeconfig "$KUBE/kube-scheduler.kubeconfig" \
    --authentication-kubeconfig "$KUBE/kube-scheduler.kubeconfig" --authorization-kubeconfig "$KUBE/kube-scheduler.kubeconfig" \
    --bind-address 127.0.0.1 --leader-elect=false --kube-api-qps 500 --kube-api-burst 1000 --profiling=false
}

start_kubelet() {
  start_component kubelet kubelet --config "$CLUSTER_STATE/config/kubelet.yaml" --kubeconfig "$KUBE/kubelet.kubeconfig" \
    --root-dir "$CLUSTER_STATE/kubelet" --hostname-override "$NODE_NAME" --node-ip "$NODE_IP"
}

start_kube-proxy() { start_component kube-proxy kube-proxy --config "$CLUSTER_STATE/config/kube-proxy.yaml"; }
start_coredns() { start_component coredns coredns -conf "$CLUSTER_STATE/config/Corefile"; }
start_provisioner() { start_component provisioner "$CLUSTER_STATE/bin/provisioner" "$CLUSTER_STATE/volumes" "$NODE_NAME"; }

# ready_NAME: whether the component does its work.
kube() { in_network env KUBECONFIG="$CLUSTER_KUBECONFIG" kubectl --request-timeout 5s "$@"; }
ready_containerd() { component_alive containerd && ctr --address "$CLUSTER_STATE/containerd.sock" --timeout 2s version; }
ready_etcd() { component_alive etcd && in_network etcdctl --command-timeout 2s endpoint health; }
ready_kube-apiserver() { component_alive kube-apiserver && kube get --raw /readyz; }
ready_kube-controller-manager() { component_alive kube-controller-manager && kube get serviceaccount default; }
ready_kube-scheduler() { component_alive kube-scheduler; }
ready_kubelet() { component_alive kubelet && kubelet_has_pods && [[ $(kube get node "$NODE_NAME" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.spec.taints}') == "True " ]]; }
# A kubelet that has just been started answers for no pod until it has heard of them.
kubelet_has_pods() {
  [[ $(kube get --raw "/api/v1/nodes/$NODE_NAME/proxy/pods" | jq '.items | length') -gt 0 ]] ||
    [[ -z $(kube get pods --all-namespaces --field-selector "spec.nodeName=$NODE_NAME,status.phase=Running" --output name) ]]
}
ready_kube-proxy() { component_alive kube-proxy && in_network nft list table ip kube-proxy; }
ready_coredns() { component_alive coredns && in_network bash -c 'exec 3<>/dev/tcp/127.0.0.1/8181 && printf "GET /ready HTTP/1.0\r\n\r\n" >&3 && grep -q "200 OK" <&3'; }
ready_provisioner() { component_alive provisioner; }
