/** `docker top`: what `ps` on the host says of the container's processes. */
import type { ContainerTop } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import { run } from "../host/process.ts";
import { processesOf } from "../runtime/freezer.ts";

/**
 * @param pid the container's first process
 * @param psArgs as `ps` takes them, separated by blanks
 */
export async function topOf(pid: number, psArgs: string): Promise<ContainerTop> {
  if (/[^\w\s,.=:%+-]/.test(psArgs)) throw new EngineError("invalid", `Error running ps: unexpected character in "${psArgs}"`);
  const args = psArgs.split(/\s+/).filter((word) => word !== "");
  // Any process of the container is among all processes; with `-o` they have to be asked for.
  const all = args.some((word) => /^-?[a-zA-Z]*[eAax]/.test(word)) ? args : ["-e", ...args];
  const result = await run(["ps", ...all]);
  if (result.exitCode !== 0)
    throw new EngineError("internal", `ps: ${result.stderr.trim().split("\n")[0] || `exit status ${result.exitCode}`}`);
  return selectProcesses(result.stdout, new Set(processesOf(pid)));
}

/** Lines of `ps` for some pids. @throws {EngineError} internal when there is no PID column */
export function selectProcesses(output: string, pids: ReadonlySet<number>): ContainerTop {
  const [head = "", ...lines] = output.split("\n");
  const titles = head.trim().split(/\s+/);
  const column = titles.indexOf("PID");
  if (column === -1) throw new EngineError("internal", "Couldn't find PID field in ps output");
  const processes = lines.flatMap((line) => {
    const words = line.trim().split(/\s+/);
    if (!pids.has(Number(words[column]))) return [];
    // The command is the last column and may hold blanks.
    return [[...words.slice(0, titles.length - 1), words.slice(titles.length - 1).join(" ")]];
  });
  return { Titles: titles, Processes: processes };
}
