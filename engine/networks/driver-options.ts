/**
 * The bridge driver's options (`docker network create -o`), checked before anything is made.
 */
import { isIP } from "node:net";
import { EngineError } from "../errors.ts";

const DRIVER = "com.docker.network.";

/** What is wrong with a value, in the words of the Go functions that dockerd reads it with; undefined for nothing. */
type Check = (value: string) => string | undefined;

const isNumber: Check = (value) =>
  /^[+-]?\d+$/.test(value) ? undefined : `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`;
const isBoolean: Check = (value) =>
  /^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value)
    ? undefined
    : `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`;
const isAddress: Check = (value) => (isIP(value) ? undefined : "nil ip");

const checks: ReadonlyMap<string, Check> = new Map([
  [`${DRIVER}driver.mtu`, isNumber],
  [`${DRIVER}bridge.enable_icc`, isBoolean],
  [`${DRIVER}bridge.enable_ip_masquerade`, isBoolean],
  [`${DRIVER}bridge.host_binding_ipv4`, isAddress],
]);

/**
 * Options that nobody knows are kept and mean nothing, as with dockerd.
 * @throws {EngineError} invalid, in Docker's words
 */
export function checkOptions(options: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(options)) {
    const problem = checks.get(name)?.(value);
    if (problem !== undefined) throw new EngineError("invalid", `failed to parse ${name} value: ${value} (${problem})`);
  }
}
