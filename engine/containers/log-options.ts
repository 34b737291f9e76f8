/** `--log-driver` and `--log-opt`: all drivers keep the same files, they differ in how much and in who may read. */
import type { LogConfig } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import type { LogFileOptions } from "../runtime/log-file.ts";

const MIB = 1024 * 1024;

const DRIVERS: Readonly<Record<string, LogFileOptions>> = {
  "json-file": { maxBytes: 0, maxFiles: 1 },
  local: { maxBytes: 20 * MIB, maxFiles: 5 },
  // Attached clients read from the log too, so that something has to be there.
  none: { maxBytes: MIB, maxFiles: 1 },
};

const NOTED = ["labels", "labels-regex", "env", "env-regex", "tag"];
/** Of all drivers, whatever they keep. */
const DELIVERY = ["mode", "max-buffer-size"];
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  "json-file": ["max-file", "max-size", "compress", ...NOTED, ...DELIVERY],
  local: ["max-file", "max-size", "compress", ...DELIVERY],
  none: [...DELIVERY],
};

const SIZE = /^(\d+(?:\.\d+)?) ?([bkmgt]?)(?:i?b)?$/i;
const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1024, m: MIB, g: 1024 * MIB, t: 1024 * 1024 * MIB };

/** @throws {EngineError} invalid for an unknown driver or option value */
export function logFileOptions({ Type, Config }: LogConfig = {}): LogFileOptions {
  const driver = Type || "json-file";
  const defaults = DRIVERS[driver];
  if (!defaults) throw new EngineError("invalid", `error looking up logging plugin ${driver}: plugin "${driver}" not found`);
  const unknown = Object.keys(Config ?? {}).find((name) => !OPTIONS[driver]!.includes(name));
  if (unknown !== undefined) throw new EngineError("invalid", unknownOption(unknown, driver));
  checkDelivery(Config ?? {});
  if (driver === "none") return defaults;
  const maxFiles = Config?.["max-file"] === undefined ? defaults.maxFiles : parseCount(Config["max-file"]);
  const maxBytes = Config?.["max-size"] === undefined ? defaults.maxBytes : parseSize(Config["max-size"]);
  checkCompress(Config?.["compress"], maxFiles > 1 && maxBytes > 0);
  return { maxBytes, maxFiles };
}

function unknownOption(name: string, driver: string): string {
  return driver === "local" ? `unknown log opt '${name}' for log driver local` : `unknown log opt '${name}' for ${driver} log driver`;
}

function unusable(why: string): EngineError {
  return new EngineError("invalid", `failed to initialize logging driver: ${why}`);
}

const BOOLEANS = ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"];
const FALSE_FROM = 6;

/** What the kernel does with the output needs none of these, but who writes nonsense hears so. */
function checkDelivery({ mode = "", "max-buffer-size": buffer }: Readonly<Record<string, string>>): void {
  if (!["", "blocking", "non-blocking"].includes(mode)) throw new EngineError("invalid", `logger: logging mode not supported: ${mode}`);
  if (buffer !== undefined && mode !== "non-blocking")
    throw new EngineError("invalid", "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  if (buffer !== undefined && !SIZE.test(buffer))
    throw new EngineError("invalid", `error parsing option max-buffer-size: invalid size: '${buffer}'`);
}

function checkCompress(text: string | undefined, rotates: boolean): void {
  if (text === undefined) return;
  const at = BOOLEANS.indexOf(text);
  if (at < 0) throw unusable(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (at < FALSE_FROM && !rotates) throw unusable("compress cannot be true when max-file is less than 2 or max-size is not set");
}

function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw unusable(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (Number(text) < 1) throw unusable("max-file cannot be less than 1");
  return Number(text);
}

function parseSize(text: string): number {
  const match = SIZE.exec(text);
  if (!match) throw unusable(`invalid size: '${text}'`);
  const bytes = Math.floor(Number(match[1]) * UNITS[match[2]!.toLowerCase()]!);
  if (bytes === 0) throw unusable("max-size must be a positive number");
  return bytes;
}
