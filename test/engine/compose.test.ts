/** What Berth's first users type behind `compose`, as `berth compose` and as `berth-compose`, as root and as a user. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { on, once } from "node:events";
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { berthSays, importBusybox, personEnvironment } from "../support/berth.ts";
import { runProgram, startEngine } from "../support/engine.ts";
import type { Result, RunOptions, TestEngine } from "../support/engine.ts";
import { eventually } from "../support/eventually.ts";
import { testPrograms } from "../support/programs.ts";
import { realRegistry } from "../support/registry.ts";
import { SHOP_ENVIRONMENT, SHOP_PAGE, writeShop } from "../support/shop.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

const NAMES = ["berth compose", "berth-compose"];

for (const as of USERS)
  describe(`compose, as ${as}`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    let home: string;
    let shop: string;

    before(async () => {
      engine = await startEngine({ as });
      home = folder("berth-compose-");
      shop = folder("berth-shop-");
      writeShop(shop, engine.user);
      await importBusybox(engine);
    });
    after(async () => {
      for (const path of [home, shop]) rmSync(path, { recursive: true, force: true });
      await engine.remove();
    });

    function folder(name: string): string {
      const path = mkdtempSync(join(tmpdir(), name));
      chownSync(path, engine.user.uid, engine.user.gid);
      return path;
    }

    /** Runs words behind a name of the command. */
    async function tries(words: readonly string[], options: RunOptions & { name?: string } = {}): Promise<Result> {
      const { folder: programs, node } = await testPrograms();
      const [program = "", ...first] = (options.name ?? "berth compose").split(" ");
      const env = { ...personEnvironment(engine.user, engine.root), BERTH_NODE: node, ...SHOP_ENVIRONMENT, ...options.env };
      return runProgram([join(programs, program), ...first, ...words], { cwd: shop, ...options, env, user: engine.user });
    }

    /** Runs words behind `berth-compose` until the test ends them; `said` waits for a line that is still to come. */
    async function begin(words: readonly string[]) {
      const { folder: programs, node } = await testPrograms();
      const { uid, gid } = engine.user;
      const env = { ...personEnvironment(engine.user, engine.root), BERTH_NODE: node };
      const child = spawn(join(programs, "berth-compose"), words, { env, cwd: home, ...(uid === process.getuid!() ? {} : { uid, gid }) });
      child.stderr.resume();
      const lines = createInterface({ input: child.stdout });
      const said = async (want: RegExp): Promise<void> => {
        for await (const [line] of on(lines, "line", { close: ["close"] }) as AsyncIterable<[string]>) if (want.test(line)) return;
        assert.fail(`it ended without ${want}`);
      };
      return { child, said };
    }

    async function says(words: readonly string[], options?: RunOptions & { name?: string }): Promise<string> {
      const result = await tries(words, options);
      assert.equal(result.exitCode, 0, `${words.join(" ")}: ${result.stderr}${result.stdout}`);
      return result.stdout;
    }

    /** Writes a compose file of its own project. */
    function file(name: string, text: string): string[] {
      const path = join(home, `${name}.yaml`);
      writeFileSync(path, text);
      return ["-f", path, "-p", name];
    }

    for (const name of NAMES)
      test(`every compose line of the first users, with ${name}`, async () => {
        const lines: readonly (readonly [line: string, stdout: RegExp, stderr?: RegExp])[] = [
          ["up -d", /^$/, /Container shop-proxy-1 {2}Started\n/],
          ["up -d", /^$/, /Container shop-proxy-1 {2}Running\n/],
          ["up -d --build", /^$/, /shop-api {2}Built\n/],
          ["ps", /^NAME +IMAGE +COMMAND +SERVICE +CREATED +STATUS +PORTS\nshop-api-1 .*\(healthy\)/],
          ["pause proxy", /^$/, /Container shop-proxy-1 {2}Paused\n/],
          ["unpause proxy", /^$/, /Container shop-proxy-1 {2}Unpaused\n/],
          ["logs", /cache-1 +\| seeded\n/],
          ["exec -T api cat /built.txt", /^hello\n$/],
          ["build", /^$/, /shop-api {2}Built\n/],
          ["push", /^$/, /^ api Skipped $/m],
          ["scale cache=2", /^$/, /Container shop-cache-2 {2}Started\n/],
          ["scale cache=1", /^$/, /Container shop-cache-2 {2}Removed\n/],
          ["restart -t 0", /^$/, /Container shop-api-1 {2}Started\n/],
          ["run --rm -T api echo once", /^once\n$/],
          ["stop", /^$/, /Container shop-api-1 {2}Stopped\n/],
          ["start", /^$/, /Container shop-api-1 {2}Healthy\n/],
          ["down --timeout 0", /^$/, /Network shop_front {2}Removed\n/],
          ["up -d --no-build", /^$/, /Container shop-proxy-1 {2}Started\n/],
          ["down --no-deps --timeout 0 proxy", /^$/, /Container shop-proxy-1 {2}Removed\n/],
          ["down --remove-orphans", /^$/, /Network shop_back {2}Removed\n/],
          ["down --volumes", /^$/, /Volume shop_cachedata {2}Removed\n/],
          ["down --rmi local", /^$/, /Image shop-api:latest {2}Removed\n/],
        ];
        for (const [line, stdout, stderr = /^/] of lines) {
          const result = await tries(line.split(" "), { name });
          assert.equal(result.exitCode, 0, `${line}: ${result.stderr}${result.stdout}`);
          assert.match(result.stdout, stdout, line);
          assert.match(result.stderr, stderr, line);
        }
        assert.equal(await says(["ps", "-aq"], { name }), "");
      });

    test("up in the foreground prints what containers say, and ends as they do", async () => {
      const app = file("front", "services: {a: {image: busybox, command: \"sh -c 'echo hello; exit 3'\"}}\n");
      const { exitCode, stdout } = await tries([...app, "up", "--exit-code-from", "a"]);
      assert.equal(stdout, "Attaching to a-1\na-1  | hello\na-1 exited with code 3\n");
      assert.equal(exitCode, 3);
      const two = file(
        "fronts",
        "services: {a: {image: busybox, command: 'true'}, b: {image: busybox, command: sleep 100000, stop_grace_period: 0s}}\n",
      );
      assert.equal((await tries([...two, "up", "--abort-on-container-exit"])).exitCode, 0);
      assert.equal(await says([...two, "ps", "-q"]), "");
      for (const one of [app, two]) await says([...one, "down"]);
    });

    test("up in the foreground stops everything on Ctrl-C, and ends with 130", async () => {
      // More than is on its way at once: its end is shown after the stop.
      const trap = "trap 'seq 200000; echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
      const app = file("ctrlc", `services: {a: {image: busybox, command: [sh, -c, "${trap}"]}}\n`);
      const { child, said } = await begin([...app, "up"]);
      const closed = once(child, "close");
      let printed = "";
      child.stdout.on("data", (data: Buffer) => (printed += data.toString()));
      await said(/a-1 {2}\| ready$/);
      child.kill("SIGINT");
      assert.deepEqual(await closed, [130, null]);
      assert.ok(printed.includes("a-1  | 200000\na-1  | bye\n"), printed.slice(-200));
      assert.match(await says([...app, "ps", "-a", "--format", "{{.State}} {{.ExitCode}}"]), /^exited 0\n$/);
      await says([...app, "down"]);
    });

    test("services are built side by side, each after those whose image it is built from", async () => {
      const folderOf = folder("berth-builds-");
      const meet = (mine: string, other: string): string =>
        `FROM busybox\\nRUN --mount=type=cache,id=meet,target=/meet touch /meet/${mine}; for i in $$(seq 2400); do [ -e /meet/${other} ] && echo ${mine} > /met && exit 0; sleep 0.05; done; exit 1\\n`;
      const app = file(
        "built",
        `services:
  c: {build: {context: ${folderOf}, dockerfile_inline: "FROM first\\nRUN cat /met > /c\\n", additional_contexts: {first: "service:a"}}, command: cat /c}
  a: {build: {context: ${folderOf}, dockerfile_inline: "${meet("a", "b")}"}}
  b: {build: {context: ${folderOf}, dockerfile_inline: "${meet("b", "a")}"}}
`,
      );
      try {
        const { exitCode, stderr } = await tries([...app, "build"]);
        assert.equal(exitCode, 0, stderr);
        for (const name of ["a", "b"]) assert.match(stderr, new RegExp(`^#\\d+ \\[${name} [\\s\\S]* built-${name} {2}Built\\n`, "m"));
        assert.match(stderr, / built-a {2}Built\n[\s\S]* built-c {2}Built\n/);
        assert.equal(await says([...app, "--parallel", "1", "run", "--rm", "-T", "--build", "--quiet-build", "c"]), "a\n");
      } finally {
        await says([...app, "down", "--rmi", "local"]);
        rmSync(folderOf, { recursive: true, force: true });
      }
    });

    test("push reaches a registry; down --rmi all takes away what was pulled", async (t) => {
      const place = folder("berth-registry-");
      t.after(() => rmSync(place, { recursive: true, force: true }));
      const registry = await realRegistry(t, place);
      if (registry === undefined) return;
      const image = `${registry}/team/pushed:1`;
      const app = file(
        "pushed",
        `services: {a: {image: ${image}, build: {context: ${shop}/web}, command: cat /built.txt}, b: {image: busybox, command: "true"}}\n`,
      );
      await says([...app, "build", "--push", "--build-arg", "GREETING=pushed", "a"]);
      assert.match((await tries([...app, "push", "a"])).stderr, new RegExp(`^ ${image} Pushed *$`, "m"));
      await says([...app, "down", "--rmi", "all"]);
      assert.equal(await berthSays(engine, ["images", "-q", image]), "");
      assert.equal(await berthSays(engine, ["images", "-q", "busybox"]), "");
      await importBusybox(engine);
      await says([...app, "pull", "-q", "a"]);
      assert.equal(await says([...app, "run", "--rm", "-T", "a"]), "pushed\n");
      const missing = file("unpushed", `services: {a: {image: "${registry}/team/none:1", build: ${shop}/web}}\n`);
      const refused = await tries([...missing, "push"]);
      assert.equal(refused.exitCode, 1);
      assert.match(refused.stderr, /tag does not exist|does not exist locally/);
      await says([...app, "down", "--rmi", "all"]);
      await importBusybox(engine);
    });

    test("a port that a container of somebody else has is told, and nothing is made", async () => {
      const id = await berthSays(engine, ["run", "-d", "--name", "holder", "-p", "127.0.0.1::80", "busybox", "sleep", "100000"]);
      const [, port = ""] = /:(\d+)$/.exec(await berthSays(engine, ["port", id, "80"])) ?? [];
      const app = file(
        "clash",
        `services: {first: {image: busybox}, a: {image: busybox, command: sleep 9, ports: ["127.0.0.1:${port}:80"]}}\n`,
      );
      try {
        const { exitCode, stderr } = await tries([...app, "up", "-d"]);
        assert.equal(exitCode, 1);
        assert.match(stderr, new RegExp(`service "a": Bind for 127\\.0\\.0\\.1:${port} failed: port is already allocated by .*holder`));
        assert.equal(await says([...app, "ps", "-aq"]), "");
        assert.equal(await berthSays(engine, ["network", "ls", "-q", "--filter", "name=clash"]), "");
      } finally {
        await berthSays(engine, ["rm", "-f", "holder"]);
      }
    });

    test("secrets, configs, networks and waiting reach the application", async () => {
      await says(["up", "-d", "--wait"]);
      await eventually(() => says(["logs", "--no-log-prefix", "proxy"]), `${SHOP_PAGE}proxy up\n`);
      assert.equal(await says(["exec", "-T", "proxy", "cat", "/etc/motd.txt"]), "s3cret\n");
      const across = await tries(["exec", "-T", "cache", "wget", "-T", "2", "-qO-", "http://proxy/"]);
      assert.notEqual(across.exitCode, 0, "a service reaches another one that shares no network with it");
      await says(["cp", "token.txt", "api:/tmp/token"]);
      assert.equal(await says(["cp", "api:/tmp/token", "-"]).then((tar) => tar.includes("s3cret\n")), true);
      assert.deepEqual(JSON.parse(await says(["ls", "--format", "json"])), [
        { Name: "shop", Status: "running(3)", ConfigFiles: join(shop, "compose.yaml") },
      ]);
      const rows = (await says(["ps", "-a", "--format", "json"]))
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { Service: string; State: string; Health: string });
      assert.deepEqual(
        rows.map(({ Service, State, Health }) => `${Service} ${State} ${Health}`),
        ["api running healthy", "cache running healthy", "init exited ", "proxy running "],
      );
      const changed = await tries(["up", "-d"], { env: { MODE: "changed" } });
      assert.match(
        changed.stderr,
        /Container shop-proxy-1 {2}Stopped[\s\S]*Container shop-api-1 {2}Recreated[\s\S]*Container shop-proxy-1 {2}Started/,
      );
      assert.doesNotMatch(changed.stderr, /cache-1 {2}Recreate/);
      await says(["down", "-v", "--rmi", "all", "-t", "0"]);
      await importBusybox(engine);
    });

    test("a new container takes the anonymous volumes of the old one over, unless it shall not", async () => {
      const text = (value: string): string =>
        `services: {a: {image: busybox, command: sleep 100000, stop_grace_period: 0s, environment: {X: "${value}"}, volumes: [/keep]}}\n`;
      const app = file("anonymous", text("1"));
      await says([...app, "up", "-d"]);
      await says([...app, "exec", "-T", "a", "touch", "/keep/me"]);
      file("anonymous", text("2"));
      assert.match((await tries([...app, "up", "-d"])).stderr, /Recreated/);
      assert.equal(await says([...app, "exec", "-T", "a", "ls", "/keep"]), "me\n");
      await says([...app, "up", "-d", "-V", "--force-recreate"]);
      assert.equal(await says([...app, "exec", "-T", "a", "ls", "/keep"]), "");
      await says([...app, "down", "-v"]);
    });

    test("an interrupted update is finished by the next up", async () => {
      const app = file("broken", "services: {a: {image: busybox, command: sleep 100000, stop_grace_period: 0s}}\n");
      await says([...app, "up", "-d"]);
      const [id = ""] = (await says([...app, "ps", "-q"])).trim().split("\n");
      // What is there when the power goes between the making of the new container and the removal of the old one.
      await says([...app, "up", "-d"]);
      await berthSays(engine, ["stop", "-t", "0", id]);
      await berthSays(engine, ["rename", id, `${id.slice(0, 12)}_broken-a-1`]);
      await says([...app, "up", "-d"]);
      assert.match(await says([...app, "ps", "--format", "{{.State}}"]), /^running\n$/);
      await says([...app, "down"]);
    });

    test("hooks, replicas, profiles, links and shared networks", async () => {
      const app = file(
        "more",
        `services:
  a: {image: busybox, command: sleep 100000, stop_grace_period: 0s, deploy: {replicas: 2}, post_start: [{command: [sh, -c, "echo started > /hook"]}]}
  b: {image: busybox, command: sleep 100000, stop_grace_period: 0s, network_mode: "service:a"}
  c: {image: busybox, command: sleep 100000, stop_grace_period: 0s, links: ["a:other"]}
  d: {image: busybox, command: sleep 100000, profiles: [extra]}
`,
      );
      await says([...app, "up", "-d"]);
      assert.equal(await says([...app, "ps", "--format", "{{.Name}}"]), "more-a-1\nmore-a-2\nmore-b-1\nmore-c-1\n");
      assert.equal(await says([...app, "exec", "-T", "--index", "2", "a", "cat", "/hook"]), "started\n");
      assert.equal(await says([...app, "exec", "-T", "c", "sh", "-c", "ping -c 1 -W 30 other > /dev/null && echo reached"]), "reached\n");
      assert.doesNotMatch((await tries([...app, "up", "-d"])).stderr, /Recreate|Creat|Start/);
      assert.match(
        (await tries([...app, "--dry-run", "up", "-d", "--force-recreate"])).stderr,
        /^ DRY-RUN MODE - {2}Container more-a-1 {2}Recreate$/m,
      );
      await says([...app, "down", "-t", "0"]);
    });

    test("watch syncs what changes, deletes what is gone, and rebuilds", async () => {
      const source = folder("berth-watch-");
      // Not cut before it is written: that would be two changes.
      const write = (name: string, content: string): void =>
        writeFileSync(join(source, name), content, { flag: existsSync(join(source, name)) ? "r+" : "w" });
      write("a.txt", "one");
      write("Dockerfile", "FROM busybox\n");
      const app = file(
        "watched",
        `services: {a: {build: ${source}, command: sleep 100000, stop_grace_period: 0s, develop: {watch: [{path: ${source}, action: sync, target: /src, ignore: [Dockerfile, no.txt], initial_sync: true}, {path: ${join(source, "later/deep")}, action: sync, target: /later/deep, ignore: [no.txt]}, {path: ${join(source, "Dockerfile")}, action: rebuild}]}}}\n`,
      );
      const { child, said } = await begin([...app, "watch", "--quiet"]);
      try {
        await said(/^Watch enabled$/);
        assert.equal(await says([...app, "exec", "-T", "a", "cat", "/src/a.txt"]), "one");
        for (const [change, want] of [
          [() => write("a.txt", "two"), "a.txt two"],
          [() => write("no.txt", "no"), ""],
          [() => rmSync(join(source, "a.txt")), "gone"],
        ] as const) {
          if (want === "") {
            change();
            continue;
          }
          const synced = said(/^Syncing service "a"/);
          change();
          await synced;
          // What was said is done before the next thing is: a second change tells that the first one is over.
          const again = said(/^Syncing service "a"/);
          write("b.txt", String(Math.random()));
          await again;
          assert.equal(
            await says([
              ...app,
              "exec",
              "-T",
              "a",
              "sh",
              "-c",
              "cd /src; [ -e no.txt ] && echo ignored; [ -e a.txt ] && echo a.txt $(cat a.txt) || echo gone",
            ]),
            `${want}\n`,
          );
        }
        // What is made later, and deep, is followed too; what is ignored in it stays here.
        mkdirSync(join(source, "later/deep"), { recursive: true });
        write("later/deep/no.txt", "no");
        write("later/deep/yes.txt", "yes");
        const arrived = "until [ -e /later/deep/yes.txt ] && [ -e /src/later/deep/no.txt ]; do sleep 0.1; done; ls /later/deep";
        assert.equal(await says([...app, "exec", "-T", "a", "sh", "-c", arrived]), "yes.txt\n");
        const rebuilt = said(/successfully built$/);
        write("Dockerfile", "FROM busybox\nRUN echo built > /built\n");
        await rebuilt;
        assert.equal(await says([...app, "exec", "-T", "a", "cat", "/built"]), "built\n");
      } finally {
        const ended = once(child, "exit");
        child.kill("SIGTERM");
        await ended;
        await says([...app, "down", "--rmi", "local"]);
        rmSync(source, { recursive: true, force: true });
      }
    });

    const bad: readonly (readonly [text: string, file: string, want: RegExp])[] = [
      [
        "a circle",
        "services: {a: {image: busybox, depends_on: [b]}, b: {image: busybox, depends_on: [a]}}\n",
        /dependency cycle detected: a -> b -> a\n$/,
      ],
      ["an unknown key", "services: {a: {image: busybox, frob: 1}}\n", /bad\.yaml:1:\d+: .*'frob' not allowed\n$/],
      [
        "an undefined network",
        "services: {a: {image: busybox, networks: [no]}}\n",
        /service "a" refers to undefined network no: invalid compose project\n$/,
      ],
      [
        "two services with one port",
        "services: {a: {image: busybox, ports: ['1:1']}, b: {image: busybox, ports: ['1:2']}}\n",
        /bad\.yaml:1:\d+: services\.b\.ports\[0\]: port 1\/tcp is already published by service "a"\n$/,
      ],
      [
        "a missing external network",
        "services: {a: {image: busybox, networks: [n]}}\nnetworks: {n: {external: true, name: nosuch}}\n",
        /network nosuch declared as external, but could not be found\n$/,
      ],
      ["a missing secret", "services: {a: {image: busybox, secrets: [s]}}\n", /refers to undefined secret s/],
      ["an image that is never pulled", "services: {a: {image: nosuch, pull_policy: never}}\n", /No such image: nosuch\n$/],
      ["an environment file that is not there", "services: {a: {image: busybox, env_file: no.env}}\n", /no\.env not found/],
    ];
    for (const [text, content, want] of bad)
      test(`${text} is told, and nothing is made`, async () => {
        const { exitCode, stderr } = await tries([...file("bad", content), "up", "-d"]);
        assert.equal(exitCode, 1);
        assert.match(stderr, want);
        assert.doesNotMatch(stderr, /Creat/);
      });

    const misused: readonly (readonly [line: string, want: RegExp])[] = [
      ["up nosuch", /no such service: nosuch\n$/],
      ["exec -T nosuch true", /^service "nosuch" is not running\n$/],
      ["frob", /^unknown docker command: "compose frob"\n/],
      ["up --frob", /^unknown flag: --frob\n/],
      ["up -d --abort-on-container-exit", /cannot be combined/],
      ["up --force-recreate --no-recreate", /--force-recreate and --no-recreate are incompatible/],
      ["-f nosuch.yaml up", /nosuch\.yaml: no such file or directory\n$/],
      ["scale api=x", /invalid scale specifier: can't parse replica value as int: api=x\n$/],
      ["--progress frob up", /^unsupported --progress value "frob"\n$/],
      ["--env-file nosuch up", /^couldn't find env file: .*nosuch\n$/],
    ];
    for (const [line, want] of misused)
      test(`${line} is refused`, async () => {
        const { exitCode, stderr } = await tries(line.split(" "));
        assert.notEqual(exitCode, 0);
        assert.match(stderr, want);
      });
  });
