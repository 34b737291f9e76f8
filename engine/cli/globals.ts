/**
 * Flags in front of the verb.
 */
import type { Globals } from "./cli.ts";
import { bool, list, parseFlags, text } from "./flags.ts";

export const GLOBAL_FLAGS = {
  config: text("Location of client config files (default ~/.docker)"),
  context: text("Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var)", { short: "c" }),
  debug: bool("Enable debug mode", { short: "D" }),
  host: list("Daemon socket to connect to", { short: "H" }),
  "log-level": text('Set the logging level ("debug", "info", "warn", "error", "fatal")', { short: "l", initial: "info" }),
  root: text("Use the separate engine that keeps everything under this directory (BERTH_ROOT)"),
  tls: bool("Use TLS; implied by --tlsverify"),
  tlscacert: text("Trust certs signed only by this CA"),
  tlscert: text("Path to TLS certificate file"),
  tlskey: text("Path to TLS key file"),
  tlsverify: bool("Use TLS and verify the remote"),
  version: bool("Print version information and quit", { short: "v" }),
};

/** Reads the flags up to the verb. @throws {FlagError} @throws {HelpRequested} */
export function readGlobals(words: readonly string[]): { globals: Globals; version: boolean; rest: readonly string[] } {
  const { flags, args } = parseFlags(GLOBAL_FLAGS, words, { interspersed: false });
  const globals: Globals = {
    host: flags.host.at(-1),
    root: flags.root || undefined,
    context: flags.context || undefined,
    config: flags.config || undefined,
    debug: flags.debug,
    tls: flags.tls || flags.tlsverify,
    tlsVerify: flags.tlsverify,
    tlsCa: flags.tlscacert || undefined,
    tlsCert: flags.tlscert || undefined,
    tlsKey: flags.tlskey || undefined,
  };
  return { globals, version: flags.version, rest: args };
}
