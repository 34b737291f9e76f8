/**
 * A base image from this machine's own busybox, for places where no registry can be reached.
 * Laid out like the published busybox image: applets as symbolic links in /bin, /etc/passwd and /etc/group, /tmp, /root.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pack } from "tar-stream";
import { which } from "./setup.mjs";

/** Fixed, so that the same busybox always gives the same image. */
const created = new Date(0);

const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`;

const group = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
tty:x:5:
www-data:x:33:
users:x:100:
nogroup:x:65534:
`;

/** The root file system as a tar. @throws {Error} when busybox is not there */
export async function busyboxTar(busybox: string | undefined = which("busybox")): Promise<Buffer> {
  if (!busybox || !existsSync(busybox)) throw new Error("Cannot find busybox: install the package busybox-static");
  const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n");
  const tar = pack();
  const chunks: Buffer[] = [];
  const done = new Promise<void>((resolve, reject) => {
    tar.on("data", (chunk) => chunks.push(chunk as Buffer));
    tar.on("end", resolve);
    tar.on("error", reject);
  });
  for (const [name, mode] of [
    ["bin", 0o755],
    ["etc", 0o755],
    ["root", 0o700],
    ["tmp", 0o1777],
    ["usr", 0o755],
    ["usr/bin", 0o755],
    ["usr/sbin", 0o755],
    ["sbin", 0o755],
    ["var", 0o755],
    ["var/www", 0o755],
    ["home", 0o755],
  ] as const)
    tar.entry({ name: `${name}/`, type: "directory", mode, mtime: created });
  tar.entry({ name: "bin/busybox", mode: 0o755, mtime: created }, readFileSync(busybox));
  for (const applet of applets.filter((name) => name !== "busybox"))
    tar.entry({ name: join("bin", applet), type: "symlink", linkname: "busybox", mtime: created });
  tar.entry({ name: "etc/passwd", mtime: created }, passwd);
  tar.entry({ name: "etc/group", mtime: created }, group);
  tar.finalize();
  await done;
  return Buffer.concat(chunks);
}
