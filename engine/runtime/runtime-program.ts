/**
 * The OCI runtime's program. So that no container can change it, crun copies itself into sealed memory and runs itself again
 * at each call, a fifth of a start; it does not when it is run from such a copy, which is made here once.
 * @see https://github.com/containers/crun/blob/1.8.1/src/libcrun/cloned_binary.c
 */
import { closeSync, rmSync, symlinkSync } from "node:fs";
import { run } from "../host/process.ts";
import type { OciRuntime } from "../host/oci-runtime.ts";
import { programVersionKey } from "../host/programs.ts";
import { sealProgram } from "../host/sealed-program.ts";

export class RuntimeProgram {
  readonly #info: OciRuntime;
  readonly #link: string;
  /** Of the program that the copy was, or is, made of. */
  #key = "";
  #descriptor: number | undefined;
  #isReady = false;

  /** @param link a path of this engine's, by which the copy is run */
  constructor(info: OciRuntime, link: string) {
    this.#info = info;
    this.#link = link;
  }

  /** What to run now. */
  get path(): string {
    return this.#isReady && this.#key === keyOf(this.#info.path) ? this.#link : this.#info.path;
  }

  /** Makes the copy if there is none of the present program. Returns at once. */
  prepare(): void {
    if (this.#info.name !== "crun") return;
    const key = keyOf(this.#info.path);
    if (key === this.#key) return;
    this.#key = key;
    // Without it everything works, only slower.
    this.#seal().catch(() => undefined);
  }

  async #seal(): Promise<void> {
    this.#isReady = false;
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    const descriptor = (this.#descriptor = sealProgram(this.#info.path, this.#info.name));
    rmSync(this.#link, { force: true });
    symlinkSync(`/proc/${process.pid}/fd/${descriptor}`, this.#link);
    const { exitCode } = await run([this.#link, "--version"]);
    this.#isReady = exitCode === 0 && this.#descriptor === descriptor;
  }
}

function keyOf(path: string): string {
  try {
    return programVersionKey(path);
  } catch {
    // Whoever runs it says that it is gone.
    return "";
  }
}
