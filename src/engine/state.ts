/**
 * What a window knows of its engine.
 */
import type { Problem } from "./program.ts";

/** In front of the name of one of docker's contexts, where an endpoint's address stands. */
export const CONTEXT_PREFIX = "context:";

export type EngineState =
  /** Nothing has asked for the engine yet. */
  | { readonly kind: "idle" }
  | { readonly kind: "starting" }
  | { readonly kind: "running" }
  /** Ended on purpose, by someone. */
  | { readonly kind: "stopped" }
  | { readonly kind: "lacking"; readonly problems: readonly Problem[] }
  | { readonly kind: "failed"; readonly message: string }
  /** Not Linux, and no other endpoint is set. */
  | { readonly kind: "unsupported" };

/** What a failure comes to in one line: the rest is what some program said, and is in the Doctor and the log. */
export function shortReason(message: string): string {
  return message.replace(/^error during connect: /, "").split("\n")[0]!;
}

/** The shell command that mends what can be mended by one, else undefined. */
export function fixCommand(problems: readonly Problem[]): string | undefined {
  const commands = problems.map(({ fix }) => fix).filter((fix) => fix.startsWith("sudo "));
  return commands.length > 0 ? mergeInstalls(commands).join(" && ") : undefined;
}

/** One run of the package manager instead of one a package. */
function mergeInstalls(commands: readonly string[]): string[] {
  const install = /^(sudo (?:apt-get install -y|dnf install -y|pacman -S --noconfirm|apk add|zypper install -y)) (.+)$/;
  const packages = new Map<string, string[]>();
  for (const command of commands) {
    const [, manager, name] = install.exec(command) ?? [undefined, command, undefined];
    packages.set(manager!, [...(packages.get(manager!) ?? []), ...(name ? [name] : [])]);
  }
  return [...packages].map(([manager, names]) => [manager, ...new Set(names)].join(" "));
}
