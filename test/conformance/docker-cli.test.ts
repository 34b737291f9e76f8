/**
 * The real docker command, unmodified, on this engine: exit codes, output and sentences are what the same commands gave with
 * dockerd 28.5.2. As root and as an unprivileged user.
 */
import { rmSync } from "node:fs";
import { suite, test } from "node:test";
import type { TestContext } from "node:test";
import { busyboxTar } from "../../scripts/base-image.ts";
import { startEngine } from "../support/engine.ts";
import { cannotRunAs, USERS } from "../support/user.ts";
import type { As } from "../support/user.ts";
import { Docker, noDocker } from "./docker-command.ts";
import { containerTests, streamTests } from "./docker-cli-containers.ts";
import { buildTests, engineTests, imageTests, networkTests, pruneTests } from "./docker-cli-objects.ts";

for (const as of USERS)
  suite(`docker command, engine as ${as}`, { skip: noDocker || cannotRunAs(as) }, () => {
    const shared: { docker?: Promise<Docker> } = {};
    const docker = (): Promise<Docker> => (shared.docker ??= prepare(as));
    const it = (name: string, run: (docker: Docker, t: TestContext) => Promise<void>, options: { skip?: string | false } = {}): void => {
      void test(name, { timeout: 300_000, ...options }, async (t) => {
        const prepared = await docker();
        try {
          await run(prepared, t);
        } catch (error) {
          await prepared.clear();
          throw error;
        }
      });
    };
    engineTests(it);
    imageTests(it);
    buildTests(it);
    containerTests(it);
    streamTests(it);
    networkTests(it);
    pruneTests(it);
    void test("the engine ends", async () => {
      const { engine, folder } = await docker();
      await engine.remove();
      rmSync(folder, { recursive: true, force: true });
    });
  });

async function prepare(as: As): Promise<Docker> {
  const docker = new Docker(await startEngine({ as }));
  await docker.says(["import", "-c", 'CMD ["sh"]', "-", "busybox:latest"], { input: await busyboxTar() });
  return docker;
}
