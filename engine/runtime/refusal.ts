/** What an OCI runtime says when it refuses, in the words that Docker's clients look for. */
import { readFileSync } from "node:fs";
import { EngineError } from "../errors.ts";

/** The last error in a runtime's log, runc's of JSON or crun's of sentences, or undefined. */
export function lastError(logPath: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(logPath, "utf8");
  } catch {
    return undefined;
  }
  const errors = text.split("\n").flatMap((line) => {
    if (!line.startsWith("{")) return line === "" ? [] : [line];
    const entry = parse(line);
    return entry?.level === "error" && entry.msg ? [entry.msg] : [];
  });
  return errors.at(-1);
}

function parse(line: string): { level?: string; msg?: string } | undefined {
  try {
    return JSON.parse(line) as { level?: string; msg?: string };
  } catch {
    return undefined;
  }
}

/** In the kernel's order: runc names limits by number. @see linux/include/uapi/asm-generic/resource.h */
const RLIMIT_NUMBERS = "CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME"
  .split(" ")
  .map((name) => `RLIMIT_${name}`);

/** crun has the C library's sentences, Docker's clients look for those of Go. */
const inGoWords = (text: string): string => text.replace(/: [A-Z][a-z ]+$/, (sentence) => sentence.toLowerCase());

/** What Docker adds when a directory is mounted on a file or the other way round. */
const withAdvice = (reason: string): string =>
  reason.endsWith(": not a directory")
    ? `${reason}: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type`
    : reason;

/**
 * The reason in runc's words, whichever runtime said it.
 * @param command the first argument of the process, which crun does not always name
 */
export function refusalReason(message: string, command: string): string {
  const text = inGoWords(message.replace(/^(runc (run|create) failed: |exec failed: )+/, ""));
  if (command === "") return 'unable to start container process: exec: "": executable file not found in $PATH';
  if (/^executable file .* not found in \$PATH/.test(text))
    return `unable to start container process: exec: "${command}": ${
      command.includes("/") ? `stat ${command}: no such file or directory` : "executable file not found in $PATH"
    }`;
  if (/^open executable: (permission denied|operation not permitted)/.test(text))
    return `unable to start container process: exec: "${command}": permission denied`;
  if (text.startsWith("open executable: no such file or directory"))
    return `unable to start container process: exec: "${command}": stat ${command}: no such file or directory`;
  const limit = /^setrlimit [`']?(RLIMIT_\w+)[`']?: operation not permitted$/.exec(text)?.[1];
  if (limit !== undefined)
    return `unable to start container process: error setting rlimit type ${RLIMIT_NUMBERS.indexOf(limit)}: operation not permitted`;
  const [, directory, why] = /^chdir [`'"]?(.*?)[`'"]?: (no such file or directory|not a directory)$/.exec(text) ?? [];
  if (directory !== undefined) return `unable to start container process: chdir to cwd ("${directory}") set in config.json failed: ${why}`;
  const [, sysctl, space] = /^the sysctl [`'](.+)[`'] requires a new (network|ipc) namespace$/.exec(text) ?? [];
  if (sysctl !== undefined)
    return `sysctl "${sysctl}" ${space === "network" ? "not allowed in host network" : "is not allowed in the hosts ipc"} namespace`;
  if (text.endsWith("exec format error")) return `unable to start container process: exec: "${command}": exec format error`;
  return text;
}

/** crun writes its seccomp filter to a file when the process's limits already hold for it: a page, and some more. */
const SMALLEST_FILE_LIMIT = 8192;

/**
 * What to do about a limit of files' sizes that keeps crun from setting a container up, which it cannot say itself; else
 * `message` as it was.
 * @param limits the process's rlimits
 */
export function withFileLimit(message: string, limits: readonly { type: string; soft: number }[] = []): string {
  const bytes = limits.find(({ type }) => type === "RLIMIT_FSIZE")?.soft ?? SMALLEST_FILE_LIMIT;
  if (bytes < 0 || bytes >= SMALLEST_FILE_LIMIT) return message;
  return `crun cannot start a container with --ulimit fsize=${bytes}: give at least ${SMALLEST_FILE_LIMIT}, or start the engine with BERTH_RUNTIME=runc`;
}

/** `docker start` and `docker run` make exit status 127 or 126 of this sentence, whose "runc" is part of it. */
export function startRefused(message: string, command: string): EngineError {
  const reason = refusalReason(message, command);
  const kind = /executable file not found|no such file or directory$|permission denied$|exec format error$/.test(reason)
    ? "invalid"
    : "internal";
  return new EngineError(
    kind,
    `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: ${withAdvice(reason)}`,
    { cause: message },
  );
}

/** An exec that could not start. */
export class ExecRefused extends Error {
  /** 127 when there is no such program, else 126. */
  readonly exitCode: number;

  /** The message is what Docker writes as the command's only output. */
  constructor(message: string, command: string) {
    const reason = refusalReason(message, command).replace("unable to start container process: ", "");
    super(`OCI runtime exec failed: exec failed: unable to start container process: ${reason}`);
    this.exitCode = /executable file not found|no such file or directory/.test(reason) ? 127 : 126;
  }
}
