/** An engine with what a person's engine has: a project in trouble, containers in every state, many images, builds that went well and not. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxTar } from "../../scripts/base-image.ts";
import { command, root } from "../../scripts/setup.mjs";

const COMPOSE = `name: shop

services:
  web:
    build: .
    ports: ["127.0.0.1:18080:8080", "127.0.0.1:18443:8443"]
    environment: { GREETING: "Hello from the shop", LOG_LEVEL: info }
    networks: [front]
    depends_on: [api]
  api:
    image: busybox
    command: sh /srv/api.sh
    volumes: ["./api.sh:/srv/api.sh:ro", "uploads:/uploads"]
    networks: [front, back]
    mem_limit: 64m
    healthcheck: { test: ["CMD", "true"], interval: 1s }
  db:
    image: busybox
    command: ["sh", "-c", "echo 'LOG:  database system is ready to accept connections'; sleep 100000"]
    healthcheck: { test: ["CMD", "false"], interval: 1s, retries: 2 }
    volumes: ["data:/var/lib/data"]
    networks: [back]
    stop_grace_period: 0s
  worker-that-sends-the-mails-of-the-night:
    image: busybox
    command: ["sh", "-c", "echo 'ERROR no route to mail.example.com'; exit 3"]
    networks: [back]
  tests:
    image: busybox
    profiles: [test]

networks: { front: , back: { internal: true } }
volumes: { data: , uploads: }
`;

const API = `trap exit TERM
n=0
while true; do
  n=$((n+1))
  echo "{\\"level\\":\\"info\\",\\"msg\\":\\"GET /products/$n\\",\\"status\\":200,\\"ms\\":$((n % 40 + 3))}"
  [ $((n % 4)) = 0 ] && echo "{\\"level\\":\\"warn\\",\\"msg\\":\\"slow query on products, the index is missing\\",\\"status\\":200,\\"ms\\":$((n * 7))}"
  [ $((n % 9)) = 0 ] && echo "{\\"level\\":\\"error\\",\\"msg\\":\\"payment refused by https://payments.example.com/v2/charges\\",\\"status\\":502}" >&2
  dd if=/dev/zero of=/tmp/some bs=64k count=$((n % 5 * 40)) 2>/dev/null
  sleep 1 & wait $!
done
`;

const DOCKERFILE = `FROM busybox
WORKDIR /srv
COPY package.json .
RUN dd if=/dev/zero of=/usr/cache.bin bs=1M count=24
RUN chmod 600 /usr/cache.bin
COPY . .
RUN rm /usr/cache.bin && sh photos.sh /srv/assets
EXPOSE 8080
CMD ["httpd", "-f", "-p", "8080", "-h", "/srv"]
`;

const PHOTOS = "mkdir -p $1; for i in 1 2 3; do head -c 200000 /dev/urandom > $1/photo-$i.jpg; done\n";

const NAMES = [
  "registry.example.com:5000/team/backend/payments-service:2026.11.21-rc.3",
  "registry.example.com:5000/team/backend/payments-service:latest",
  "ghcr.io/someone/something:1.4.2",
  "ghcr.io/someone/something:1.4",
  "node:24-bookworm-slim",
  "postgres:18",
  "redis:8-alpine",
  "nginx:1.29",
];

export interface Showcase {
  /** The workspace's folder. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly berth: (...args: string[]) => Promise<string>;
}

/** @param at a directory, which gets the engine's root and the workspace's folder */
export function openShowcase(at: string): Showcase {
  const env = { ...process.env, BERTH_ROOT: join(at, "engine"), BERTH_NODE: process.execPath };
  return { folder: join(at, "shop"), env, berth: (...args) => command([join(root, "dist/berth"), ...args], { env }) };
}

/** Starts its engine and makes all that is to be seen in it. */
export async function fillShowcase(showcase: Showcase): Promise<void> {
  const { folder, env, berth } = showcase;
  mkdirSync(folder, { recursive: true });
  write(folder, {
    "compose.yaml": COMPOSE,
    "api.sh": API,
    Dockerfile: DOCKERFILE,
    "package.json": "{}\n",
    "photos.sh": PHOTOS,
    "index.html": "<h1>Shop</h1>\n",
  });
  await berth("engine", "start");
  await command([join(root, "dist/berth"), "import", "--change", 'CMD ["sh"]', "-", "busybox:latest"], { env, input: await busyboxTar() });
  await images(showcase);
  await containers(showcase);
}

/** The first build leaves an image without a name, the second has cached steps, the last one fails. */
async function images({ folder, berth }: Showcase): Promise<void> {
  await berth("build", "--quiet", "-t", "shop-web", folder);
  write(folder, { "index.html": "<h1>The shop</h1>\n" });
  await berth("build", "--quiet", "-t", "shop-web", folder);
  const broken = join(folder, "..", "broken");
  mkdirSync(broken);
  const steps = DOCKERFILE.replace(/^EXPOSE[\s\S]*/m, 'RUN echo "src/main.ts(14,3): error TS2304: Cannot find name x" >&2; exit 2\n');
  write(broken, { Dockerfile: steps, "package.json": "{}\n", "photos.sh": PHOTOS, "index.html": "<h1>Other</h1>\n" });
  await berth("build", "--quiet", "-t", "broken", broken).catch(() => undefined);
  for (const name of NAMES) await berth("tag", name.startsWith("r") ? "shop-web" : "busybox", name);
}

async function containers({ folder, berth }: Showcase): Promise<void> {
  await berth("compose", "--project-directory", folder, "-f", join(folder, "compose.yaml"), "up", "-d");
  await berth("run", "-d", "--name", "scratchpad", "--memory", "256m", "busybox", "sleep", "100000");
  await berth("run", "-d", "--name", "paused-for-a-look", "busybox", "sleep", "100000");
  await berth("pause", "paused-for-a-look");
  await berth("run", "-d", "--name", "flaky", "--restart", "always", "busybox", "sh", "-c", "sleep 15; exit 1");
  await berth("create", "--name", "never-started", "registry.example.com:5000/team/backend/payments-service:latest");
  await berth("run", "--name", "done", "busybox", "true");
  await berth("volume", "create", "postgres-data-of-the-old-shop-before-the-move");
}

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}
