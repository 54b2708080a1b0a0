# shellcheck shell=bash
# The Go tools of the cluster: which binaries come from which module, and where they are cached.
#
# Each module under tools/ pins its versions by go.mod and go.sum. Its binaries are kept in
# a directory named after a hash of both, and of its own code if it has any, so that a changed
# version builds anew and an old clone still finds its own.

# One line per binary: module, name, package. The order is the order of the build.
TOOLS='
kubernetes   kube-apiserver           k8s.io/kubernetes/cmd/kube-apiserver
kubernetes   kubelet                  k8s.io/kubernetes/cmd/kubelet
kubernetes   kube-controller-manager  k8s.io/kubernetes/cmd/kube-controller-manager
kubernetes   kube-scheduler           k8s.io/kubernetes/cmd/kube-scheduler
kubernetes   kube-proxy               k8s.io/kubernetes/cmd/kube-proxy
kubernetes   kubectl                  k8s.io/kubernetes/cmd/kubectl
containerd   containerd               github.com/containerd/containerd/v2/cmd/containerd
containerd   containerd-shim-runc-v2  github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
containerd   ctr                      github.com/containerd/containerd/v2/cmd/ctr
runc         runc                     github.com/opencontainers/runc
etcd         etcd                     go.etcd.io/etcd/server/v3
etcd         etcdctl                  go.etcd.io/etcd/etcdctl/v3
cni          ptp                      github.com/containernetworking/plugins/plugins/main/ptp
cni          host-local               github.com/containernetworking/plugins/plugins/ipam/host-local
coredns      coredns                  .
helm         helm                     helm.sh/helm/v4/cmd/helm
kubeconform  kubeconform              github.com/yannh/kubeconform/cmd/kubeconform
kms          kms-server               ./server
kms          kms-client               ./client
'

# tools_dir MODULE prints the directory that holds (or will hold) the module's binaries.
tools_dir() {
  local hash
  hash=$({ cat "$HERE/tools/$1/go.mod" "$HERE/tools/$1/go.sum" && find "$HERE/tools/$1" -name '*.go' -print0 | sort -z | xargs -0r cat; } | sha256sum)
  printf '%s/cluster/tools/%s-%s-%s\n' "$CLUSTER_CACHE" "$1" "$(uname -m)" "${hash:0:12}"
}

# each_tool prints the lines of the table above as "module name package directory".
each_tool() {
  local module name package
  declare -A dirs
  while read -r module name package; do
    [[ -n $module ]] || continue
    : "${dirs[$module]:=$(tools_dir "$module")}"
    printf '%s %s %s %s\n' "$module" "$name" "$package" "${dirs[$module]}"
  done <<<"$TOOLS"
}

# tools_missing prints the names of binaries that are not in the cache.
tools_missing() {
  local module name package dir
  while read -r module name package dir; do
    [[ -x $dir/$name ]] || printf '%s\n' "$name"
  done < <(each_tool)
}

# tools_path prints a PATH fragment with every module's directory.
tools_path() { each_tool | awk '!seen[$4]++ { printf "%s%s", sep, $4; sep = ":" }'; }
