/**
 * The supervisor, a shell script: it keeps both ends of a task's FIFOs open, runs the OCI runtime in the foreground and
 * writes its exit status, all of it without the engine.
 *
 * Arguments: directory, input (none|open|once), output (fifo|stream|none|tty|relay), then the runtime's command.
 * Files in the directory: `in` `out` `err` (FIFOs), `ctl` (to the engine: the pid, then `exit <status>`), `ack` (from the
 * engine: everything was read, end), `eof` (from the engine: close stdin), `exit` (the status and a newline).
 * With a terminal that the runtime carries to its own stdio (`tty`), descriptor 3 is the master of that and 4 its slave.
 * A terminal that the runtime hands over (`relay`) is carried elsewhere, see terminal-relay.ts; `out` is only kept open here,
 * so that it does not end before the exit status is known.
 *
 * The FIFOs are opened for reading and writing so that no side ever sees an end because the engine is away. What is only for
 * the engine that asked (`stream`) ends with the process, so that nobody waits for the supervisor's own end; and `once`
 * gives the process a read-only stdin, whose writing end is held by a subshell until `eof` speaks.
 * Nothing above 2 reaches the runtime: a leaked directory would be a way out of the container.
 */
export const SUPERVISOR_SCRIPT = `d=$1 i=$2 o=$3
shift 3
exec 5>&- 6>&- 9>&- 7<>"$d/ack" 8<>"$d/ctl"
[ "$o" = tty ] || exec 3>&- 4>&-
k=
case $i in
none) exec 0</dev/null ;;
open) exec 0<>"$d/in" ;;
once)
  (
    exec 6<>"$d/eof" 9<>"$d/in" 3>&- 4>&- 7>&- 8>&-
    read -r x <&6
  ) &
  k=$!
  exec 0<"$d/in"
  ;;
esac
case $o in
fifo | stream)
  exec 1<>"$d/out" 2<>"$d/err"
  "$@" 7>&- 8>&-
  s=$?
  [ "$o" = fifo ] || exec >/dev/null 2>&1
  ;;
none)
  "$@" >/dev/null 2>&1 7>&- 8>&-
  s=$?
  ;;
relay)
  exec 9<>"$d/out"
  "$@" >/dev/null 2>&1 7>&- 8>&- 9>&-
  s=$?
  ;;
tty)
  exec 1<>"$d/out"
  [ "$i" = none ] || {
    # A background job's own stdin is /dev/null before it is redirected.
    exec 6<&0
    cat <&6 >&3 2>/dev/null 4>&- 6>&- 7>&- 8>&- &
    k="$k $!"
    exec 6>&-
  }
  cat <&3 4>&- 7>&- 8>&- 2>/dev/null &
  c=$!
  "$@" <&4 >&4 2>&4 3>&- 4>&- 7>&- 8>&-
  s=$?
  exec 4>&-
  wait $c
  echo "
drained" >&8
  ;;
esac
[ -z "$k" ] || kill $k 2>/dev/null
echo $s >"$d/exit"
echo "
exit $s" >&8
read -r x <&7
`;
