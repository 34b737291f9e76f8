/** FIFOs and devices, which Node cannot make, for programs that have no native code. */
import { execFile } from "node:child_process";

const LETTERS = { fifo: "p", character: "c", block: "b" } as const;

/**
 * Makes a FIFO or a device by the program `mknod`; its mode is what the umask leaves.
 *
 * @param path absolute; must not exist
 * @throws {Error} `operation not permitted` for a device without root, else what the program says
 */
export function makeSpecialFile(
  path: string,
  type: keyof typeof LETTERS,
  device?: { readonly major: number; readonly minor: number },
): Promise<void> {
  const numbers = device ? [String(device.major), String(device.minor)] : [];
  return new Promise((resolve, reject) => {
    execFile("mknod", [path, LETTERS[type], ...numbers], { env: { ...process.env, LC_ALL: "C" } }, (error, _output, said) => {
      if (!error) resolve();
      else reject(new Error(/operation not permitted/i.test(said) ? "operation not permitted" : said.trim() || error.message));
    });
  });
}
