/** A small application as people write it: four services, health checks, secrets, configs, two networks, a volume, a build. */
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestUser } from "./user.ts";

const COMPOSE = `
name: shop
services:
  init:
    image: busybox
    command: sh -c "echo seeded > /data/seed"
    volumes: ["cachedata:/data"]
    networks: [back]
  cache:
    image: busybox
    command: sh -c "mkdir -p /srv; cp /data/seed /srv/index.html; cat /data/seed; httpd -f -p 6379 -h /srv"
    depends_on: {init: {condition: service_completed_successfully}}
    healthcheck: {test: ["CMD-SHELL", "wget -qO- http://127.0.0.1:6379/"], interval: 200ms, retries: 500}
    volumes: ["cachedata:/data"]
    networks: [back]
    ulimits: {nofile: 4096}
    stop_grace_period: 0s
  api:
    build: {context: web, args: {GREETING: hello}}
    command: sh -c "mkdir -p /www; cat /run/secrets/token /run/secrets/variable /motd > /www/index.html; echo api listening; httpd -f -p 3000 -h /www"
    depends_on: {cache: {condition: service_healthy}}
    environment: {MODE: "\${MODE:-test}"}
    healthcheck: {test: ["CMD", "wget", "-qO-", "http://127.0.0.1:3000/"], interval: 200ms, retries: 500}
    networks: {back: {}, front: {aliases: [backend]}}
    secrets: [token, variable]
    configs: [motd]
    init: true
    stop_grace_period: 0s
  proxy:
    image: busybox
    command: sh -c "wget -qO- http://backend:3000/; echo proxy up; sleep 100000"
    depends_on: {api: {condition: service_healthy, restart: true}}
    networks: [front]
    expose: ["80"]
    configs: [{source: file, target: /etc/motd.txt}]
    stop_grace_period: 0s
networks: {back: {internal: true}, front: }
volumes: {cachedata: {labels: {shop: "1"}}}
secrets: {token: {file: ./token.txt}, variable: {environment: SHOP_SECRET}}
configs: {motd: {content: "message of the day\\n"}, file: {file: ./token.txt}}
`;

/** Variables that the application wants of its caller. */
export const SHOP_ENVIRONMENT = { SHOP_SECRET: "from the environment\n" };

/** What its front answers. */
export const SHOP_PAGE = "s3cret\nfrom the environment\nmessage of the day\n";

/** Writes the application into a directory, which has to exist. */
export function writeShop(folder: string, user: TestUser): void {
  mkdirSync(join(folder, "web"));
  writeFileSync(join(folder, "compose.yaml"), COMPOSE);
  writeFileSync(join(folder, "token.txt"), "s3cret\n");
  writeFileSync(join(folder, "web", "Dockerfile"), "FROM busybox\nARG GREETING\nRUN echo $GREETING > /built.txt\n");
  for (const path of ["", "web", "compose.yaml", "token.txt", "web/Dockerfile"]) chownSync(join(folder, path), user.uid, user.gid);
}
