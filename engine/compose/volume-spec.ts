/** Short form of volumes: `data:/data:ro`, `./src:/src`, `/cache`. */
import { posix } from "node:path";
import type { ValueMap } from "../syntax/compose-value.ts";

const PROPAGATIONS = new Set(["rprivate", "private", "rshared", "shared", "rslave", "slave"]);

/** @throws {Error} `invalid spec: …` */
export function parseVolume(spec: string): ValueMap {
  if (spec === "") throw new Error("invalid empty volume spec");
  if (spec.length < 3) return { type: "volume", target: posix.normalize(spec) };
  const sections = splitSections(spec);
  if (sections.includes("")) throw new Error(`invalid spec: ${spec}: empty section between colons`);
  if (sections.length > 3) throw new Error(`invalid spec: ${spec}: too many colons`);
  const [source, target, options] = sections.length === 1 ? [undefined, sections[0], undefined] : sections;
  const volume: ValueMap = { ...(source ? { source } : {}), target: cleanTarget(target ?? "") };
  for (const option of options?.split(",") ?? []) applyOption(volume, option);
  if (source !== undefined && isFilePath(source)) {
    return { type: "bind", ...volume, bind: { ...(volume["bind"] as ValueMap | undefined), create_host_path: true } };
  }
  return { type: "volume", ...volume, volume: volume["volume"] ?? {} };
}

/** Where a mount stands in the container; also when only that can be read. */
export function volumeTarget(spec: string): string {
  return String(parseVolume(spec)["target"]);
}

/** A trailing slash is not part of a path. */
export function cleanTarget(target: string): string {
  if (target === "") return "";
  const clean = posix.normalize(target);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

function applyOption(volume: ValueMap, option: string): void {
  const bind = () => (volume["bind"] ??= {}) as ValueMap;
  if (option === "ro") volume["read_only"] = true;
  else if (option === "rw") delete volume["read_only"];
  else if (option === "nocopy") volume["volume"] = { nocopy: true };
  else if (PROPAGATIONS.has(option)) bind()["propagation"] = option;
  else if (option === "z" || option === "Z") bind()["selinux"] = option;
}

/** Colons divide, except those of a drive (`C:\x`) and those inside of `${…}`. */
function splitSections(spec: string): string[] {
  const sections: string[] = [];
  let section = "";
  let depth = 0;
  for (const [index, char] of Array.from(spec).entries()) {
    if (char === "$" && spec[index + 1] === "{") depth++;
    if (char === "}" && depth > 0) depth--;
    const drive = section.length === 1 && /\p{L}/u.test(section);
    if (char === ":" && depth === 0 && !drive) {
      sections.push(section);
      section = "";
    } else section += char;
  }
  return [...sections, section];
}

function isFilePath(source: string): boolean {
  return /^[./~]/.test(source) || source.startsWith("\\\\") || /^\p{L}:/u.test(source);
}
