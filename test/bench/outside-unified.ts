/** Hides what crun refuses; where there is nothing of it, there is nothing to hide. */
export const HIDE_UNIFIED = `f=/sys/fs/cgroup/unified/cgroup.controllers; [ ! -e $f ] || mount --bind /dev/null $f`;

/**
 * The command that runs `argv` in a mount namespace of its own: crun refuses mixed control groups unless the second hierarchy
 * hides its controllers, as the engine does it too.
 */
export function outsideUnified(argv: readonly string[]): string[] {
  return ["unshare", "--mount", "sh", "-c", `${HIDE_UNIFIED}; exec "$@"`, "sh", ...argv];
}
