/**
 * Commands for every operation of the engine: each verb of `berth` and `berth compose`, and each route of the API, has a command of the
 * extension, a place in it, or a reason for having none. A new verb or route fails here until somebody has thought of the editor.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { routes } from "../engine/api/routes.ts";
import { COMPOSE_ENTRIES } from "../engine/cli/compose/tree.ts";
import { ENTRIES } from "../engine/cli/tree.ts";

const manifest = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")) as {
  contributes: { commands: { command: string }[]; views: Record<string, { id: string }[]> };
};
const commands = new Set(manifest.contributes.commands.map(({ command }) => command.replace("berth.", "")));
const views = new Set(Object.values(manifest.contributes.views).flatMap((list) => list.map(({ id }) => id.replace("berth.", ""))));

/** Names of commands; `view x` is the view that shows it; behind `no:` stands why there is none. */
const VERBS: Readonly<Record<string, string>> = {
  "container run": "image.run image.runWith run.saved",
  "container exec": "container.shell container.exec",
  "container ls": "view containers",
  "container attach": "container.attach",
  "container commit": "container.commit",
  "container cp": "file.upload file.download",
  "container create": "container.create",
  "container diff": "container.changes",
  "container export": "container.export",
  "container kill": "container.kill container.signal",
  "container logs": "container.logs container.searchLogs",
  "container pause": "container.pause",
  "container port": "view containers",
  "container rename": "container.rename",
  "container restart": "container.restart",
  "container rm": "container.remove",
  "container start": "container.start",
  "container stats": "container.stats containers.stats",
  "container stop": "container.stop",
  "container top": "container.top",
  "container unpause": "container.unpause",
  "container update": "container.update container.edit",
  "container wait": "container.wait",
  "container inspect": "container.inspect",
  "container prune": "container.prune",
  "image build": "dockerfile.build dockerfile.buildWith",
  "image pull": "image.pull image.pullAgain image.pullFor registry.pull",
  "image push": "image.push",
  "image ls": "view images",
  "image history": "image.history image.explore",
  "image import": "image.import",
  "image load": "image.load",
  "image rm": "image.remove",
  "image save": "image.save",
  "image tag": "image.tag",
  "image inspect": "image.inspect",
  "image prune": "image.prune",
  inspect: "container.inspect image.inspect volume.inspect network.inspect",
  login: "registry.connect",
  logout: "registry.disconnect",
  search: "image.pull",
  version: "system.info",
  "system info": "system.info",
  "system df": "system.df",
  "system events": "system.events",
  "system prune": "system.prune",
  "manifest inspect": "registry.inspect",
  "manifest create": "no: a build for several platforms makes such a list; putting one together by hand is a script's work",
  "manifest annotate": "no: as manifest create",
  "manifest push": "no: as manifest create",
  "manifest rm": "no: as manifest create",
  "buildx ls": "no: there is one builder, the engine itself",
  "buildx inspect": "no: as buildx ls",
  "buildx version": "system.info",
  "buildx du": "system.df",
  "builder prune": "builder.prune",
  "builds ls": "build.show",
  "builds inspect": "build.show",
  "builds logs": "build.show",
  "builds shell": "language.shell",
  "builds files": "language.files",
  "builds diff": "build.show",
  "builds predict": "no: the editor shows it beside the Dockerfile's lines as they are typed",
  "builds rm": "build.forget",
  "network connect": "network.connect container.connect",
  "network create": "network.create",
  "network disconnect": "network.disconnect container.disconnect",
  "network inspect": "network.inspect",
  "network ls": "view networks",
  "network prune": "network.prune",
  "network rm": "network.remove",
  "volume create": "volume.create",
  "volume inspect": "volume.inspect",
  "volume ls": "view volumes",
  "volume prune": "volume.prune",
  "volume rm": "volume.remove",
  "context ls": "view endpoints",
  "context show": "view endpoints",
  "context create": "endpoint.create",
  "context export": "endpoint.export",
  "context import": "endpoint.import",
  "context inspect": "endpoint.inspect",
  "context rm": "endpoint.remove",
  "context update": "endpoint.update",
  "context use": "endpoint.use endpoint.useInTerminals",
  "engine start": "engine.start",
  "engine stop": "engine.stop",
  "engine status": "engine.menu doctor",
  "engine socket": "endpoint.inspect",
  "engine logs": "engine.log",
  compose: "view projects",
  "compose attach": "container.attach",
  "compose bridge": "no: turns compose files into Kubernetes', which is no engine's work; berth itself refuses it",
  "compose build": "compose.build",
  "compose commit": "container.commit",
  "compose config": "compose.config",
  "compose cp": "file.upload file.download",
  "compose create": "compose.create",
  "compose down": "compose.down compose.downVolumes",
  "compose events": "system.events",
  "compose exec": "container.shell container.exec",
  "compose export": "container.export",
  "compose images": "compose.images",
  "compose kill": "compose.kill",
  "compose logs": "compose.logs compose.followLogs",
  "compose ls": "view projects",
  "compose pause": "compose.pause",
  "compose port": "view containers",
  "compose ps": "compose.ps",
  "compose publish": "no: puts the file itself into a registry, which a release's pipeline does",
  "compose pull": "compose.pull",
  "compose push": "compose.push",
  "compose restart": "compose.restart",
  "compose rm": "compose.rm",
  "compose run": "compose.run",
  "compose scale": "compose.scale",
  "compose start": "compose.start",
  "compose stats": "container.stats",
  "compose stop": "compose.stop",
  "compose top": "compose.top",
  "compose unpause": "compose.unpause",
  "compose up": "compose.up compose.upBuild compose.upSelect",
  "compose version": "system.info",
  "compose volumes": "view volumes",
  "compose wait": "container.wait",
  "compose watch": "compose.watch",
};

/** By the beginning of method and path; the longest counts. */
const ROUTES: Readonly<Record<string, string>> = {
  "GET /_ping": "no: part of every connection",
  "HEAD /_ping": "no: part of every connection",
  "OPTIONS ": "no: for browsers, which are refused",
  "GET /version": "system.info",
  "GET /info": "system.info",
  "GET /events": "system.events",
  "POST /auth": "registry.connect",
  "GET /system/df": "system.df",
  "GET /containers/json": "view containers",
  "POST /containers/create": "container.create image.run image.runWith",
  "POST /containers/prune": "container.prune system.prune",
  "GET /containers/{id}/json": "container.inspect",
  "GET /containers/{id}/top": "container.top",
  "POST /containers/{id}/start": "container.start",
  "POST /containers/{id}/stop": "container.stop",
  "POST /containers/{id}/restart": "container.restart",
  "POST /containers/{id}/kill": "container.kill container.signal",
  "POST /containers/{id}/pause": "container.pause",
  "POST /containers/{id}/unpause": "container.unpause",
  "POST /containers/{id}/rename": "container.rename",
  "POST /containers/{id}/update": "container.update",
  "POST /containers/{id}/resize": "container.attach",
  "POST /containers/{id}/wait": "container.wait",
  "DELETE /containers/{id}": "container.remove",
  "HEAD /containers/{id}/archive": "view containers",
  "GET /containers/{id}/archive": "file.download",
  "PUT /containers/{id}/archive": "file.upload",
  "GET /containers/{id}/export": "container.export",
  "GET /containers/{id}/changes": "container.changes",
  "POST /commit": "container.commit",
  "POST /containers/{id}/attach": "container.attach",
  "GET /containers/{id}/attach/ws": "no: the same by a web socket, for browsers",
  "GET /containers/{id}/logs": "container.logs container.searchLogs",
  "GET /containers/{id}/stats": "container.stats",
  "POST /containers/{id}/exec": "container.exec container.shell",
  "GET /exec/{id}/json": "container.exec",
  "POST /exec/{id}/": "container.exec",
  "GET /distribution/{name}/json": "image.checkUpdates",
  "GET /images/search": "image.pull",
  "GET /berth/registry/manifest": "registry.inspect",
  "PUT /berth/registry/manifest": "no: as manifest create",
  "GET /berth/registry/": "image.pull",
  "POST /images/create": "image.pull image.import",
  "POST /images/load": "image.load",
  "GET /images/get": "image.save",
  "GET /images/{name}/get": "image.save",
  "POST /images/{name}/push": "image.push",
  "GET /images/json": "view images",
  "POST /images/prune": "image.prune",
  "GET /images/{name}/json": "image.inspect",
  "GET /images/{name}/history": "image.history",
  "POST /images/{name}/tag": "image.tag",
  "DELETE /images/{name}": "image.remove",
  "POST /grpc": "no: for docker's own builder",
  "POST /session": "no: for docker's own builder",
  "POST /build": "dockerfile.build",
  "POST /build/prune": "builder.prune",
  "GET /volumes": "view volumes",
  "GET /volumes/{name}": "volume.inspect",
  "POST /volumes/create": "volume.create",
  "POST /volumes/prune": "volume.prune",
  "DELETE /volumes/{name}": "volume.remove",
  "PUT /volumes/{name}": "no: for volumes of a swarm, which there is none of",
  "GET /networks": "view networks",
  "GET /networks/{id}": "network.inspect",
  "POST /networks/create": "network.create",
  "POST /networks/prune": "network.prune",
  "DELETE /networks/{id}": "network.remove",
  "POST /networks/{id}/connect": "network.connect container.connect",
  "POST /networks/{id}/disconnect": "network.disconnect container.disconnect",
  "GET /berth/volumes/{id}/archive": "volume.backUp",
  "PUT /berth/volumes/{id}/archive": "volume.restore",
  "GET /berth/images/{name}/layers": "image.explore image.compare",
  "GET /berth/images/{name}/rootfs": "no: the builder's own",
  "GET /berth/stats": "container.stats",
  "GET /berth/status": "engine.menu",
  "POST /berth/build": "dockerfile.build",
  "GET /berth/builds": "build.show",
  "POST /berth/builds/predict": "no: the editor shows it beside the Dockerfile's lines as they are typed",
  "GET /berth/builds/{id}/steps/{step}/file": "language.files",
  "POST /berth/builds/{id}/steps/{step}/shell": "language.shell",
  "GET /berth/builds/shells": "language.shell",
  "POST /berth/builds/shells": "language.shell",
  "DELETE /berth/builds/{id}": "build.forget",
};

/** Files of containers, volumes and images: the same seven calls for each. */
const FILES: Readonly<Record<string, string>> = {
  "GET files": "file.download file.compare",
  "PUT files": "file.new file.upload",
  "DELETE files": "file.delete",
  "GET files/stat": "view containers",
  "GET files/list": "view containers",
  "POST files/directory": "file.newFolder",
  "POST files/rename": "file.rename",
};

/** What dockerd answers without a swarm and without plugins, so does Berth. */
const NONE_HERE = /^\w+ \/(plugins|nodes|services|tasks|secrets|configs|swarm)\b/;

function operationOf(method: string, path: string): string | undefined {
  const file = /^\/berth\/(?:volumes|containers|images)\/\{\w+\}\/(files.*)$/.exec(path)?.[1];
  if (file) return FILES[`${method} ${file}`];
  const whole = `${method} ${path}`;
  const [longest] = Object.keys(ROUTES)
    .filter((key) => whole === key || (whole.startsWith(key) && (/[ /]$/.test(key) || whole[key.length] === "/")))
    .toSorted((a, b) => b.length - a.length);
  return longest && ROUTES[longest];
}

test("every verb of berth has its place in the editor", () => {
  const verbs = [
    ...ENTRIES.filter(({ hidden }) => !hidden).map(({ names }) => names[0]!),
    ...COMPOSE_ENTRIES.map(({ names }) => `compose ${names[0]}`),
  ];
  assert.deepEqual(Object.keys(VERBS).toSorted(), verbs.toSorted());
});

test("every route of the API has its place in the editor", () => {
  const paths = routes.filter(({ method, path }) => !NONE_HERE.test(`${method} ${path}`));
  assert.ok(paths.length > 100);
  assert.deepEqual(
    paths.filter(({ method, path }) => operationOf(method, path) === undefined).map(({ method, path }) => `${method} ${path}`),
    [],
  );
});

test("commands and views that are named are there", () => {
  const named = [VERBS, ROUTES, FILES].flatMap((table) => Object.values(table)).filter((text) => !text.startsWith("no: "));
  const missing = named.flatMap((text) =>
    text.startsWith("view ") ? (views.has(text.slice(5)) ? [] : [text]) : text.split(" ").filter((name) => !commands.has(name)),
  );
  assert.deepEqual(missing, []);
});
