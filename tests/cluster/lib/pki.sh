# shellcheck shell=bash
# The certificates of the cluster, made once per state directory, and the kubeconfig of each component.

PKI=$CLUSTER_STATE/pki

# sign NAME SUBJECT [SUBJECT-ALTERNATIVE-NAMES] makes a key and a certificate of the cluster's CA.
sign() { sign_with ca "$@"; }

# sign_with AUTHORITY NAME SUBJECT [SUBJECT-ALTERNATIVE-NAMES] does it with another one.
sign_with() {
  local extensions="extendedKeyUsage=clientAuth,serverAuth"
  [[ -z ${4:-} ]] || extensions+=$'\n'"subjectAltName=$4"
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$PKI/$2.key" -subj "$3" 2>/dev/null |
    openssl x509 -req -CA "$PKI/$1.crt" -CAkey "$PKI/$1.key" -days 3650 -out "$PKI/$2.crt" -extfile <(printf '%s\n' "$extensions") 2>/dev/null
}

# write_kubeconfig NAME FILE writes a kubeconfig with the certificate of that name.
write_kubeconfig() {
  cat >"$2" <<END
apiVersion: v1
kind: Config
clusters:
- name: splitvault
  cluster:
    server: https://$NODE_IP:6443
    certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")
contexts:
- name: splitvault
  context: {cluster: splitvault, user: $1}
current-context: splitvault
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w0 "$PKI/$1.crt")
    client-key-data: $(base64 -w0 "$PKI/$1.key")
END
}

# write_webhook_kubeconfig FILE writes what the API server shows to the operator's webhook; one for each such server, by its
# name (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#authenticate-apiservers).
write_webhook_kubeconfig() {
  cat >"$1" <<END
apiVersion: v1
kind: Config
users:
- name: splitvault-operator.splitvault-system.svc
  user:
    client-certificate-data: $(base64 -w0 "$PKI/webhook-client.crt")
    client-key-data: $(base64 -w0 "$PKI/webhook-client.key")
END
}

# An authority of its own: a certificate of the cluster's, which every node has one of, is not to count.
make_webhook_client() {
  local subject=/CN=splitvault-test-webhook-clients
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "$subject" \
    -keyout "$PKI/webhook-client-ca.key" -out "$PKI/webhook-client-ca.crt" 2>/dev/null
  sign_with webhook-client-ca webhook-client /CN=kube-apiserver
  (umask 077 && write_webhook_kubeconfig "$PKI/webhook-client.kubeconfig")
}

make_pki() {
  [[ ! -e $PKI/complete ]] || return 0
  say "making certificates"
  rm -rf "$PKI"
  (umask 077 && mkdir -p "$PKI")
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=splitvault-test-cluster \
    -keyout "$PKI/ca.key" -out "$PKI/ca.crt" 2>/dev/null
  openssl genrsa -out "$PKI/service-accounts.key" 2048 2>/dev/null
  sign kube-apiserver "/O=system:masters/CN=kube-apiserver" \
    "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$NODE_IP,IP:${SERVICE_RANGE%.*}.1"
  sign kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" "DNS:$NODE_NAME,IP:$NODE_IP"
  sign kube-controller-manager /CN=system:kube-controller-manager
  sign kube-scheduler /CN=system:kube-scheduler
  sign kube-proxy /CN=system:kube-proxy
  sign coredns /CN=coredns
  sign admin "/O=system:masters/CN=admin"
  local name
  for name in kubelet kube-controller-manager kube-scheduler kube-proxy coredns; do
    write_kubeconfig "$name" "$PKI/$name.kubeconfig"
  done
  (umask 077 && write_kubeconfig admin "$CLUSTER_KUBECONFIG")
  make_webhook_client
  touch "$PKI/complete"
}
