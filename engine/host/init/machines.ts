/** The processors that programs are made for here. */
import { EngineError } from "../../errors.ts";
import { AARCH64 } from "./aarch64.ts";
import type { Machine } from "./assembler.ts";
import { X86_64 } from "./x86-64.ts";

const MACHINES: Readonly<Record<string, Machine>> = { x64: X86_64, arm64: AARCH64 };

/**
 * @param processor as `os.arch()` says it
 * @throws {EngineError} not-implemented for a processor other than `x64` and `arm64`
 */
export function machineOf(processor: string): Machine {
  const machine = MACHINES[processor];
  if (!machine) throw new EngineError("not-implemented", `There is no init for this processor: ${processor}`);
  return machine;
}
