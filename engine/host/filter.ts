/** Other programs as filters: bytes in, bytes out, with backpressure both ways. */
import { Socket } from "node:net";
import { pipeline, Readable } from "node:stream";
import { EngineError } from "../errors.ts";
import { closeDescriptor, makePipe } from "./descriptor.ts";
import { onExit, sendSignal, spawnProcess } from "./spawn.ts";

/**
 * What a program writes while it is fed `source`. Fails when the program does, with the last line it wrote to stderr, and
 * when `source` does; destroying the result kills the program.
 * @throws {SystemCallError} ENOENT when there is no such program
 */
export function filterThrough(argv: readonly string[], source: Readable): Readable {
  const [stdin, stdout, stderr] = [makePipe(), makePipe(), makePipe()];
  const theirs = [stdin.readEnd, stdout.writeEnd, stderr.writeEnd];
  let pid: number;
  try {
    pid = spawnProcess({ argv, env: process.env, descriptors: theirs, session: true });
  } catch (error) {
    for (const descriptor of [stdin.writeEnd, stdout.readEnd, stderr.readEnd]) closeDescriptor(descriptor);
    throw error;
  } finally {
    theirs.forEach(closeDescriptor);
  }
  return Readable.from(output(pid, { source, stdin: stdin.writeEnd, stdout: stdout.readEnd, stderr: stderr.readEnd }, argv), {
    objectMode: false,
  });
}

async function* output(
  pid: number,
  ends: { source: Readable; stdin: number; stdout: number; stderr: number },
  argv: readonly string[],
): AsyncGenerator<Buffer> {
  const exit = onExit(pid);
  let failure: Error | undefined;
  let said = "";
  const errors = new Socket({ fd: ends.stderr, readable: true, writable: false });
  errors.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  // The program may end before it has read everything; whether that is an error, its exit code says.
  const input = new Socket({ fd: ends.stdin, readable: false, writable: true });
  pipeline(
    ends.source,
    input,
    (error) => (failure = (error as NodeJS.ErrnoException | null)?.code === "EPIPE" ? undefined : (error ?? undefined)),
  );
  let ended = false;
  try {
    for await (const chunk of new Socket({ fd: ends.stdout, readable: true, writable: false })) yield chunk as Buffer;
    ended = true;
    const { exitCode } = await exit;
    if (failure) throw failure;
    if (exitCode !== 0) throw new EngineError("invalid", `${argv[0]} failed: ${said.trim().split("\n").at(-1) || `exit code ${exitCode}`}`);
  } finally {
    if (!ended) sendSignal(-pid, 9);
    errors.destroy();
    ends.source.destroy();
  }
}
