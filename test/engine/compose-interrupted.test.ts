/** `up` is killed after calls of it that change something; the next `up` always ends where it should. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { berth, importBusybox, personEnvironment } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { Result, TestEngine } from "../support/engine.ts";
import { testPrograms } from "../support/programs.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

/** `BERTH_KILL_EVERY=1` kills at each change instead of some. */
const EVERY = Number(process.env["BERTH_KILL_EVERY"] ?? 5);

/** Two services, one after the other, with everything that an update could lose. */
const compose = (value: string): string => `
services:
  a: {image: busybox, command: sleep 100000, stop_grace_period: 0s, environment: {X: "${value}"}, volumes: [/keep, "named:/named"], networks: [n]}
  b: {image: busybox, command: sleep 100000, stop_grace_period: 0s, environment: {X: "${value}"}, depends_on: {a: {condition: service_started, restart: true}}}
networks: {n: {labels: {x: "${value}"}}}
volumes: {named: }
`;

/** A socket in front of the engine's that ends after a number of calls that change something have been answered. */
class Fuse {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #left = Number.POSITIVE_INFINITY;
  #blown = (): void => {};

  constructor(path: string, target: string) {
    this.#server = createServer((client) => this.#join(client, connect(target)));
    this.#server.listen(path, () => chmodSync(path, 0o777));
  }

  ready(): Promise<unknown> {
    return once(this.#server, "listening");
  }

  /** Calls `blown` once `count` changes are made and answered. */
  arm(count: number, blown: () => void): void {
    this.#left = count;
    this.#blown = blown;
  }

  #join(client: Socket, engine: Socket): void {
    let changes = false;
    for (const one of [client, engine]) {
      this.#open.add(one);
      one.on("close", () => (client.destroy(), engine.destroy(), this.#open.delete(one))).on("error", () => {});
    }
    client.on("data", (data) => {
      if (/^(POST|PUT|DELETE) /.test(data.toString("latin1", 0, 8))) changes = true;
      engine.write(data);
    });
    engine.on("data", (data) => {
      if (changes && --this.#left === 0) {
        this.#blown();
        for (const one of this.#open) one.destroy();
      } else client.write(data);
      changes = false;
    });
  }

  close(): Promise<unknown> {
    for (const one of this.#open) one.destroy();
    this.#server.close();
    return once(this.#server, "close");
  }
}

for (const as of USERS)
  describe(`an up that is killed, as ${as}`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    let folder: string;
    let fuse: Fuse;

    before(async () => {
      engine = await startEngine({ as });
      folder = mkdtempSync(join(tmpdir(), "berth-fuse-"));
      chmodSync(folder, 0o755);
      chownSync(folder, engine.user.uid, engine.user.gid);
      fuse = new Fuse(join(folder, "fuse.sock"), engine.socketPath);
      await fuse.ready();
      await importBusybox(engine);
    });
    after(async () => {
      await fuse.close();
      rmSync(folder, { recursive: true, force: true });
      await engine.remove();
    });

    const words = (...more: string[]): string[] => ["compose", "-f", join(folder, "compose.yaml"), "-p", "cut", ...more];

    async function works(...more: string[]): Promise<Result> {
      const result = await berth(engine, words(...more));
      assert.equal(result.exitCode, 0, `${more.join(" ")}: ${result.stderr}`);
      return result;
    }

    /** Runs `up` through the fuse. @returns how it ended */
    async function upUntil(count: number, blown: (child: ChildProcess) => void): Promise<ChildProcess> {
      const { folder: programs, node } = await testPrograms();
      const { uid, gid } = engine.user;
      const argv = ["-H", `unix://${join(folder, "fuse.sock")}`, ...words("up", "-d")];
      const env = { ...personEnvironment(engine.user, engine.root), BERTH_NODE: node, BERTH_ROOT: "" };
      const other = process.getuid!() === uid ? {} : { uid, gid };
      const child = spawn(join(programs, "berth"), argv, { env, cwd: "/", stdio: "ignore", ...other });
      fuse.arm(count, () => blown(child));
      await once(child, "exit");
      return child;
    }

    /** @returns false when `up` was through before */
    async function killedAfter(count: number): Promise<boolean> {
      return (await upUntil(count, (child) => child.kill("SIGKILL"))).signalCode === "SIGKILL";
    }

    async function isRepaired(what: string): Promise<void> {
      await works("up", "-d");
      const { stdout } = await works("ps", "-a", "--format", "{{.Name}} {{.State}}");
      assert.equal(stdout, "cut-a-1 running\ncut-b-1 running\n", what);
      assert.doesNotMatch((await works("up", "-d")).stderr, /Creat|Recreat|Start/, what);
    }

    test("the first one", async () => {
      writeFileSync(join(folder, "compose.yaml"), compose("1"));
      let count = 1;
      for (; await killedAfter(count); count += EVERY) {
        await isRepaired(`after ${count} changes`);
        await works("down", "-v");
      }
      assert.ok(count > 7, `${count - 1} changes are fewer than two networks, a volume, two containers made and started`);
      await works("down", "-v");
    });

    test("one that changes everything", async () => {
      let count = 1;
      let rounds = 0;
      for (; ; count += EVERY) {
        writeFileSync(join(folder, "compose.yaml"), compose(`${count}`));
        await works("up", "-d");
        await works("exec", "-T", "a", "touch", `/keep/${count}`, `/named/${count}`);
        rounds++;
        writeFileSync(join(folder, "compose.yaml"), compose(`${count} and another`));
        const killed = await killedAfter(count);
        await isRepaired(`after ${count} changes`);
        assert.equal(
          (await works("exec", "-T", "a", "sh", "-c", "ls /keep /named | grep -c ^[0-9]")).stdout,
          `${rounds * 2}\n`,
          `after ${count}`,
        );
        if (!killed) break;
      }
      assert.ok(count > 10, `${count - 1} changes are fewer than this takes`);
      await works("down", "-v");
    });

    test("one whose engine is killed", async () => {
      writeFileSync(join(folder, "compose.yaml"), compose("engine"));
      for (const count of EVERY === 1 ? [2, 4, 6] : [3]) {
        const { exitCode } = await upUntil(count, () => process.kill(engine.status.pid, "SIGKILL"));
        assert.notEqual(exitCode, 0);
        await engine.restart();
        await isRepaired(`after ${count} changes`);
        await works("down", "-v");
      }
    });
  });
