/** Debian's docker-registry with one account. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listeningPort } from "../support/registry.ts";

/** bcrypt of `s3cret words`. */
const ACCOUNT = "tester:$2y$04$nwUl19lWnbQzzLOu3ct3BeVrNISZ6ssi5af3AHmNz3kG.V8NxVfRi";

/** @param base an own directory. @returns `localhost:PORT`; it answers */
export async function startDebianRegistry(base: string): Promise<{ domain: string; stop(): void }> {
  const folder = join(base, "registry");
  mkdirSync(folder);
  writeFileSync(join(folder, "passwords"), `${ACCOUNT}\n`);
  const config = {
    version: 0.1,
    log: { level: "info" },
    storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
    http: { addr: "127.0.0.1:0" },
    auth: { htpasswd: { realm: "test", path: join(folder, "passwords") } },
  };
  writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", join(folder, "config.yml")], { stdio: ["ignore", "ignore", "pipe"] });
  return { domain: `127.0.0.1:${await listeningPort(child)}`, stop: () => void child.kill() };
}
