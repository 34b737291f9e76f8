/** Each way a machine can offer control groups, made in a mount namespace of this test's own. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";

const folder = mkdtempSync(join(tmpdir(), "berth-cgroups-"));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "empty"), "");
const skip = process.getuid!() !== 0 && "needs root";
const name = `berth-test-${process.pid}`;

async function inThread(code: string): Promise<Record<string, unknown>> {
  const modules = ["namespace", "mount", "cgroups"].map(
    (file) => `...await import(${JSON.stringify(join(import.meta.dirname, `${file}.ts`))})`,
  );
  const source = `const {parentPort}=require("node:worker_threads");const fs=require("node:fs");
    (async()=>{const host={${modules.join(",")}};
    const options = {rootless: false, emptyFile: ${JSON.stringify(join(folder, "empty"))}}; const name = ${JSON.stringify(name)};
    host.unshare("mount"); host.setPropagation("/", "private", {recursive: true});
    const bare = () => { for (const {target} of host.mountPoints().toReversed()) if (target.startsWith("/sys/fs/cgroup")) host.unmount(target, {lazy: true}); };
    parentPort.postMessage(await (async()=>{${code}})());})();`;
  const worker = new Worker(source, { eval: true });
  return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
}

test("openCgroups() without any hierarchy is none", { skip }, async () => {
  const found = await inThread(
    `bare(); const {directories, ...rest} = host.openCgroups(name, options); return {...rest, d: directories("x")};`,
  );
  assert.deepEqual(found, { mode: "none", version: 1, parent: null, controllers: [], crunArguments: ["--cgroup-manager=disabled"], d: {} });
});

test("openCgroups() takes the unified hierarchy and leaves it as it was", { skip }, async () => {
  const found = await inThread(`bare(); host.mount("cgroup2", "/sys/fs/cgroup", "cgroup2");
    const shared = "/sys/fs/cgroup/cgroup.subtree_control"; const before = fs.readFileSync(shared, "utf8");
    const cgroups = host.openCgroups(name, options); const made = fs.existsSync("/sys/fs/cgroup/" + name);
    const directories = cgroups.directories("id"); await host.removeCgroups(cgroups);
    for (const controller of cgroups.controllers) if (!before.includes(controller)) fs.writeFileSync(shared, "-" + controller);
    return {mode: cgroups.mode, version: cgroups.version, parent: cgroups.parent, made, unified: directories.unified, left: fs.existsSync("/sys/fs/cgroup/" + name)};`);
  const unified = `/sys/fs/cgroup/${name}/id`;
  assert.deepEqual(found, { mode: "v2-root", version: 2, parent: `/${name}`, made: true, unified, left: false });
});

test("openCgroups() gives a user none of root's hierarchy", { skip }, async () => {
  const found = await inThread(`bare(); host.mount("cgroup2", "/sys/fs/cgroup", "cgroup2");
    const {mode, version} = host.openCgroups(name, {...options, rootless: true}); return {mode, version};`);
  assert.deepEqual(found, { mode: "none", version: 2 });
});

const hybrid = existsSync("/sys/fs/cgroup/unified/cgroup.controllers");

test(
  "openCgroups() takes separate hierarchies and leaves them as they were",
  { skip: skip || (!hybrid && "needs a hybrid hierarchy") },
  async () => {
    const before = readFileSync("/sys/fs/cgroup/unified/cgroup.controllers", "utf8");
    const found = await inThread(`const cgroups = host.openCgroups(name, options); host.openCgroups(name, options);
    const memory = cgroups.directories("id").memory; const made = fs.existsSync("/sys/fs/cgroup/memory/" + name); await host.removeCgroups(cgroups);
    return {mode: cgroups.mode, memory, made, devices: cgroups.controllers.includes("devices"),
      seen: fs.readFileSync("/sys/fs/cgroup/unified/cgroup.controllers", "utf8")};`);
    const memory = `/sys/fs/cgroup/memory/${name}/id`;
    assert.deepEqual(found, { mode: "v1-root", memory, made: true, devices: true, seen: "" });
    assert.equal(existsSync(`/sys/fs/cgroup/memory/${name}`), false);
    assert.equal(readFileSync("/sys/fs/cgroup/unified/cgroup.controllers", "utf8"), before);
  },
);
