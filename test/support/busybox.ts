/** A root file system of one static busybox: the smallest thing that containers can run in. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runOrThrow } from "../../engine/host/process.ts";

const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox"];

/** Where a static busybox is, or undefined: install busybox-static. */
export function findBusybox(): string | undefined {
  return BUSYBOX.find(existsSync);
}

/** Fills `directory`; users root, app (1000) and a group staff (50) with app in it. */
export async function makeBusyboxRoot(directory: string): Promise<void> {
  const busybox = findBusybox();
  if (!busybox) throw new Error("busybox-static is not installed");
  for (const name of ["bin", "etc", "proc", "sys", "dev", "tmp", "root", "home/app"]) mkdirSync(join(directory, name), { recursive: true });
  chmodSync(join(directory, "tmp"), 0o1777);
  copyFileSync(busybox, join(directory, "bin/busybox"));
  const applets = await runOrThrow([busybox, "--list"]);
  for (const name of applets.split("\n")) if (name && name !== "busybox") symlinkSync("busybox", join(directory, "bin", name));
  writeFileSync(join(directory, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n");
  writeFileSync(join(directory, "etc/group"), "root:x:0:\nstaff:x:50:app\napp:x:1000:\n");
}
