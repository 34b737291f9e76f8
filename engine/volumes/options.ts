/**
 * Names and options of volumes, as Docker's `local` driver takes them.
 * @see https://github.com/moby/moby/blob/v28.5.2/volume/local/local_unix.go
 */
import { EngineError } from "../errors.ts";
import { MS } from "../host/mount.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const KNOWN = ["type", "o", "device", "size"];
const REQUIRES: Record<string, readonly string[]> = { device: ["type"], type: ["device"], o: ["device", "type"] };

/** @throws {EngineError} invalid, in Docker's words */
export function checkVolumeName(name: string): void {
  if (name.length === 1)
    throw new EngineError("invalid", `create ${name}: volume name is too short, names should be at least two alphanumeric characters`);
  if (!NAME.test(name) || name.length > 255)
    throw new EngineError(
      "invalid",
      `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. ` +
        "If you intended to pass a host directory, use absolute path",
    );
}

/** @throws {EngineError} invalid, in Docker's words */
export function checkVolumeOptions(name: string, options: Readonly<Record<string, string>>): void {
  for (const option of Object.keys(options))
    if (!KNOWN.includes(option)) throw new EngineError("invalid", `create ${name}: invalid option: "${option}"`);
  for (const [option, required] of Object.entries(REQUIRES))
    for (const other of option in options ? required : [])
      if (!(other in options)) throw new EngineError("invalid", `create ${name}: missing required option: "${other}"`);
  if ("size" in options) throw new EngineError("invalid", `create ${name}: quota size requested but no quota support`);
}

const FLAGS: Record<string, number> = {
  ro: MS.RDONLY,
  nosuid: MS.NOSUID,
  nodev: MS.NODEV,
  noexec: MS.NOEXEC,
  noatime: MS.NOATIME,
  bind: MS.BIND,
  rbind: MS.BIND | MS.REC,
};
const NO_FLAG = new Set(["rw", "suid", "dev", "exec", "atime", "defaults"]);

/** Splits mount(8) options into mount(2) flags and the data that the file system reads itself. */
export function parseMountOptions(options: string): { flags: number; data: string } {
  let flags = 0;
  const data: string[] = [];
  for (const option of options.split(",")) {
    if (Object.hasOwn(FLAGS, option)) flags |= FLAGS[option]!;
    else if (option !== "" && !NO_FLAG.has(option)) data.push(option);
  }
  return { flags, data: data.join(",") };
}
