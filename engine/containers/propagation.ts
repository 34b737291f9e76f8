/**
 * Whether a mount can do what `bind-propagation` asks: the mount that a source lies on has to be shared, or at least follow
 * another.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/oci_linux.go ensureShared, ensureSharedOrSlave
 */
import { readFileSync } from "node:fs";
import { EngineError } from "../errors.ts";

/** @throws {EngineError} internal with Docker's sentence */
export function checkPropagation(source: string, propagation: string, mountInfo?: string): void {
  const shares = propagation.endsWith("shared");
  if (!shares && !propagation.endsWith("slave")) return;
  const { target, options } = mountOf(source, mountInfo ?? readFileSync("/proc/self/mountinfo", "utf8"));
  const shared = options.some((option) => option.startsWith("shared:"));
  if (shared || (!shares && options.some((option) => option.startsWith("master:")))) return;
  throw new EngineError("internal", `path ${source} is mounted on ${target} but it is not a shared${shares ? "" : " or slave"} mount`);
}

/** The mount that a path lies on: the last one of those that are nearest. */
function mountOf(path: string, mountInfo: string): { target: string; options: string[] } {
  let found = { target: "/", options: [] as string[] };
  for (const line of mountInfo.split("\n")) {
    const words = line.split(" ");
    const target = (words[4] ?? "").replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
    const holds = target === "/" || path === target || path.startsWith(`${target}/`);
    if (target === "" || !holds || target.length < found.target.length) continue;
    found = { target, options: words.slice(6, words.indexOf("-")) };
  }
  return found;
}

/** What the container's root has to be for its mounts: the runtime spec's `rootfsPropagation`; undefined is the runtime's default. */
export function rootPropagation(mountOptions: readonly (readonly string[])[]): "shared" | "slave" | undefined {
  const all = mountOptions.flat();
  if (all.some((option) => option === "shared" || option === "rshared")) return "shared";
  return all.some((option) => option === "slave" || option === "rslave") ? "slave" : undefined;
}
