/**
 * Values of flags that the command refuses itself, in docker's words.
 */
import { isIP } from "node:net";
import { cut } from "./text.ts";

/** `-a stdin`, in any case. @throws {Error} */
export function checkStream(text: string): void {
  if (!["stdin", "stdout", "stderr"].includes(text.toLowerCase())) throw new Error("valid streams are STDIN, STDOUT and STDERR");
}

/** An IP address. @throws {Error} */
export function checkAddress(text: string): void {
  if (isIP(text.trim()) === 0) throw new Error(`IP address is not correctly formatted: ${text}`);
}

/** `key` or `key=value`. @throws {Error} */
export function checkLabel(text: string): void {
  const [name] = cut(text);
  if (name === "") throw new Error(`invalid label '${text}': empty name`);
  if (/\s/.test(name)) throw new Error(`label '${name}' contains whitespaces`);
}

/** A domain, or `.` for none. @throws {Error} */
export function checkSearchDomain(text: string): void {
  const domain = text.trim();
  if (domain === ".") return;
  const isDomain = /^(?:\.*)?(?:[a-z\d](?:[-_a-z\d]{0,61}[a-z\d])?\.?)+$/i.test(domain) && /[a-z]/i.test(domain) && domain.length <= 255;
  if (!isDomain) throw new Error(`${domain} is not a valid domain`);
}

/** `container` or `container:alias`. @throws {Error} */
export function checkLink(text: string): void {
  if (text === "") throw new Error("empty string specified for links");
  if (text.split(":").length > 2) throw new Error(`bad format for links: ${text}`);
}

/** `host:ip` as the engine wants it; `host=ip` is the newer spelling. @throws {Error} */
export function readExtraHost(text: string): string {
  const match = /^([^:=]+)[:=](.*)$/.exec(text);
  if (!match) throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  const address = match[2]!.replace(/^\[(.*)\]$/, "$1");
  if (address !== "host-gateway" && isIP(address) === 0) throw new Error(`invalid IP address in add-host: ${JSON.stringify(match[2])}`);
  return `${match[1]}:${address}`;
}

const MAC = /^([\da-f]{2})([:-])[\da-f]{2}(\2[\da-f]{2}){4}$/i;

/** Six bytes. @throws {Error} */
export function checkMac(text: string): void {
  if (text !== "" && !MAC.test(text.trim())) throw new Error(`${text} is not a valid mac address`);
}

/** What contradicts a logging driver that keeps nothing. @throws {Error} */
export function checkLogOptions(driver: string, options: readonly string[]): void {
  if (driver === "none" && options.length > 0) throw new Error("invalid logging opts for driver none");
}

/** `key=value`. @throws {Error} */
export function checkStorageOptions(texts: readonly string[]): void {
  if (texts.some((text) => !text.includes("="))) throw new Error("invalid storage option");
}

/** @throws {Error} */
export function checkSwappiness(value: number | undefined): void {
  if (value !== undefined && (value < -1 || value > 100))
    throw new Error(`invalid value: ${value}. Valid memory swappiness range is 0-100`);
}
