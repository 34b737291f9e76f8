/**
 * Questions to the person at the terminal.
 */
import { createInterface } from "node:readline/promises";
import type { Cli } from "./cli.ts";

/** Asks before something is removed; anything but `y` is no. Without a terminal the answer is read from stdin. */
export async function confirm(cli: Cli, warning: string): Promise<boolean> {
  cli.out(`${warning} [y/N] `);
  const lines = createInterface({ input: cli.stdin });
  try {
    const first = await Promise.race([
      new Promise<string>((resolve) => lines.once("line", resolve).once("close", () => resolve(""))),
      new Promise<string>((_resolve, reject) =>
        cli.signal.addEventListener("abort", () => reject(cli.signal.reason as Error), { once: true }),
      ),
    ]);
    return /^y(es)?$/i.test(first.trim());
  } finally {
    lines.close();
  }
}

/** Reads a line that is not shown. */
export async function readHidden(cli: Cli, question: string): Promise<string> {
  cli.out(question);
  cli.stdin.setRawMode?.(true);
  let typed = "";
  try {
    for await (const chunk of cli.stdin as AsyncIterable<Buffer>)
      for (const char of chunk.toString()) {
        if (char === "\r" || char === "\n") return typed;
        if (char === "\x03") throw new Error("interrupted");
        typed = char === "\x7f" ? typed.slice(0, -1) : typed + char;
      }
    return typed;
  } finally {
    cli.stdin.setRawMode?.(false);
    cli.print("");
  }
}
