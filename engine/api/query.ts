/** Query parameters, read as dockerd reads them. */
import { EngineError } from "../errors.ts";
import { notANumber } from "./status.ts";

export class Query {
  readonly #values: URLSearchParams;

  constructor(search: string) {
    this.#values = new URLSearchParams(search);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The first value; "" when it is absent. */
  text(name: string): string {
    return this.#values.get(name) ?? "";
  }

  /** The first value, undefined when it is absent or empty. */
  optional(name: string): string | undefined {
    return this.#values.get(name) || undefined;
  }

  all(name: string): string[] {
    return this.#values.getAll(name);
  }

  /** False only for absent, "", `0`, `no`, `false` and `none`, whatever their case. */
  flag(name: string, absent = false): boolean {
    const value = this.#values.get(name);
    if (value === null) return absent;
    return !["", "0", "no", "false", "none"].includes(value.trim().toLowerCase());
  }

  /** A whole number; undefined when it is absent. @throws {EngineError} with Go's sentence */
  integer(name: string): number | undefined {
    const value = this.optional(name);
    if (value === undefined) return undefined;
    if (!/^[+-]?\d+$/.test(value)) throw notANumber(value);
    return Number(value);
  }

  /** JSON in a parameter, e.g. `buildargs`; undefined when it is absent. */
  json(name: string): unknown {
    const value = this.optional(name);
    if (value === undefined) return undefined;
    try {
      return JSON.parse(value) as unknown;
    } catch (cause) {
      throw new EngineError("invalid", `invalid JSON in parameter ${JSON.stringify(name)}`, { cause });
    }
  }
}
