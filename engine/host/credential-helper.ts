/** Docker's credential helpers: `docker-credential-NAME get|list|store|erase`, one JSON text in, one out. No native code here. */
import { spawn } from "node:child_process";

/**
 * Runs a helper and gives what it prints.
 * @throws {Error} with what the helper says when it fails, or that it is not installed
 */
export function runCredentialHelper(name: string, action: "get" | "list" | "store" | "erase", input: string): Promise<string> {
  if (!/^[\w.-]+$/.test(name)) return Promise.reject(new Error(`Invalid name of a credential helper: "${name}"`));
  const program = `docker-credential-${name}`;
  return new Promise((resolve, reject) => {
    const child = spawn(program, [action], { stdio: ["pipe", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("error", () =>
      reject(new Error(`error getting credentials - err: exec: "${program}": executable file not found in $PATH, out: \`\``)),
    );
    child.once("close", (code) => (code === 0 ? resolve(output) : reject(new Error(output.trim() || `${program} failed`))));
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
