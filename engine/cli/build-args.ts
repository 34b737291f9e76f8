import { cut } from "./run-config/text.ts";

/** `NAME=value`; a name alone takes this process's value, or none. */
export function buildArgs(texts: readonly string[], env: NodeJS.ProcessEnv): Record<string, string | null> {
  return Object.fromEntries(texts.map((text) => (text.includes("=") ? cut(text) : [text, env[text] ?? null])));
}
