/**
 * What the holder becomes when the engine's directories have been deleted: whoever of the engine lives is killed, and what
 * the host has of it is removed. A shell's builtins do most of it, because nothing of Berth may be left on the disk.
 *
 * Its only argument is the engine's short name. As root, descriptor 9 is the host's network namespace and 8 the file that
 * says which forwarding was switched on. Interface and firewall table need nobody: they go with R and with netd.
 */

/**
 * All processes of the shell's mount namespace, and all of their descendants, which containers are. One whose parent is dead
 * already is known by its user namespace, or as root by its control group. What is frozen by version 1 of control groups dies
 * when it thaws.
 */
const KILL = `
lives_inside() {
  if ! [ -e /proc/self/fd/9 ]; then [ "/proc/$1/ns/user" -ef /proc/self/ns/user ]; return; fi
  while read -r line; do case $line in */$name/*) return 0 ;; esac; done <"/proc/$1/cgroup"
  return 1
}
own=
again=1
while [ "$again" ]; do
  again=
  for p in /proc/[0-9]*; do
    p=\${p#/proc/}
    case "$own " in *" $p "*) continue ;; esac
    [ "$p" = $$ ] && continue
    if ! [ "/proc/$p/ns/mnt" -ef /proc/self/ns/mnt ]; then
      read -r stat <"/proc/$p/stat" || continue
      set -- $name \${stat##*) }
      case "$own " in *" $3 "*) ;; *) lives_inside $p || continue ;; esac
    fi
    own="$own $p"
    again=1
  done
done
[ "$own" ] && kill -9 $own
for f in $(find /sys/fs/cgroup/freezer/$name -name freezer.state); do echo THAWED >$f; done
`;

/** Forwarding stays where somebody else's bridge, tunnel or pair of interfaces may have come to rely on it. */
const HOST = `
for program in iptables ip6tables; do
  for chain in DOCKER-USER FORWARD; do for side in -i -o; do $program -w -D $chain $side $1 -j ACCEPT; done; done
done
read -r said <&8 || exit
command -v ip || exit
for kind in bridge veth tun wireguard; do ip -o link show type $kind | grep -v ": $1[@:]" | grep -q . && exit; done
case $said in *ipv4*) echo 0 >/proc/sys/net/ipv4/ip_forward ;; esac
case $said in *ipv6*)
  cd /proc/sys/net/ipv6/conf
  kept=
  for link in *; do [ $link = all ] && continue; read -r value <$link/forwarding && kept="$kept $link/$value"; done
  echo 0 >all/forwarding
  for link in $kept; do echo \${link##*/} >\${link%/*}/forwarding; done ;;
esac
`;

/** The kernel needs a moment to take killed processes out of their groups. */
const CGROUPS = `
above=$(sed -n 's/^0:://p' /proc/self/cgroup)
turn=0
while [ $turn -lt 100 ]; do
  turn=$((turn + 1))
  left=
  for d in /sys/fs/cgroup/$name /sys/fs/cgroup/*/$name /sys/fs/cgroup$above/$name /sys/fs/cgroup$above/../$name; do
    [ -d $d ] || continue
    find $d -depth -type d -exec rmdir {} ';'
    [ -d $d ] && left=1
  done
  [ "$left" ] || break
  sleep 0.1
done
`;

/** For \`sh -c\`; names of engines have no characters that mean something to a shell. */
export const END_SCRIPT = `
exec 2>/dev/null
name=$1
if [ -e /proc/self/fd/9 ]; then nsenter --net=/proc/self/fd/9 sh -c '${HOST}' sh $name; fi
${KILL}${CGROUPS}`;
