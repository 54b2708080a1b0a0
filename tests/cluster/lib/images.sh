# shellcheck shell=bash
# Images: built by buildah from a directory that holds a Dockerfile and little else, kept as archives
# in the cache under a hash of that directory, and loaded into the cluster's containerd.

IMAGE_CACHE=$CLUSTER_CACHE/cluster/images

# directory_hash DIRECTORY prints a hash of the names, modes and contents in it.
directory_hash() {
  local hash
  hash=$(cd "$1" && find . -printf '%P %m %l\n' -type f -exec sha256sum {} + | sort | sha256sum)
  printf '%s\n' "${hash:0:16}"
}

image_builder() {
  buildah --storage-driver vfs --root "$CLUSTER_CACHE/cluster/buildah" --runroot "$CLUSTER_CACHE/cluster/buildah/run" "$@"
}

# build_image REFERENCE CONTEXT ARCHIVE builds a context into an archive unless it is there.
build_image() {
  local reference=$1 context=$2 archive=$3
  [[ ! -e $archive ]] || return 0
  say "building image $reference"
  mkdir -p "$(dirname "$archive")"
  image_builder bud --isolation chroot --quiet --timestamp 0 --tag "$reference" "$context" >/dev/null
  image_builder push --quiet "$reference" "oci-archive:$archive.$$:$reference"
  image_builder rmi "$reference" >/dev/null
  mv "$archive.$$" "$archive"
}

containerd_images() { CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1 ctr --address "$CLUSTER_STATE/containerd.sock" --namespace k8s.io images "$@"; }

image_loaded() { [[ -n $(containerd_images list --quiet "name==$1") ]]; }

# push_image REFERENCE CONTEXT builds a context and pushes the image to the registry in its name.
push_image() {
  say "building and pushing $1"
  image_builder bud --isolation chroot --quiet --timestamp 0 --tag "$1" "$2" >/dev/null
  image_builder push --quiet "$1" >&2
  image_builder rmi "$1" >/dev/null
}

# load_image REFERENCE ARCHIVE imports an archive into the cluster unless it is there.
load_image() {
  ! image_loaded "$1" || return 0
  say "loading image $1"
  containerd_images import "$2" >/dev/null
}

# alias_image REFERENCE OTHER gives an image another name, unless it has it.
alias_image() { image_loaded "$2" || containerd_images tag "$1" "$2" >/dev/null; }

# base_image NAME builds and loads one of the images that every cluster has, from dockerfiles/NAME.
base_image() {
  local name=$1 context archive reference
  reference=localhost/$name:1
  context=$(mktemp --directory)
  cp "$HERE/dockerfiles/$name/Dockerfile" "$context/"
  case $name in
    pause) cp "$CLUSTER_STATE/bin/pause" "$context/" ;;
    busybox*) make_busybox "$context/root" ;;
  esac
  archive=$IMAGE_CACHE/$name-$(directory_hash "$context").tar
  build_image "$reference" "$context" "$archive"
  rm -rf "$context"
  load_image "$reference" "$archive"
}

# make_busybox DIRECTORY makes a root directory with a shell and the usual commands.
make_busybox() {
  local applet busybox
  busybox=$(command -v busybox)
  mkdir -p "$1"/{bin,etc,home,root,usr}
  mkdir -m 1777 "$1/tmp"
  ln -s ../bin "$1/usr/bin"
  cp "$busybox" "$1/bin/busybox"
  for applet in $("$busybox" --list); do [[ $applet == busybox ]] || ln -s busybox "$1/bin/$applet"; done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\nnobody:x:65534:\n' >"$1/etc/group"
}

load_base_images() {
  local name
  for name in pause busybox busybox-entrypoint busybox-cmd; do base_image "$name"; done
  # Nodes do not resolve the names of Services, so what a registry in the cluster has is there already.
  alias_image localhost/busybox-entrypoint:1 registry.splitvault-images.svc:5000/busybox-entrypoint:1
  alias_image localhost/busybox-cmd:1 registry.splitvault-images.svc:5000/private/busybox-cmd:1
}
