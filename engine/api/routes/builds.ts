/** `/berth/builds`: what builds did, each step opened, and what a build would do. See api/types/builds.ts. */
import type { OpenShell } from "../../build/inspector.ts";
import { connect } from "../connect.ts";
import { parseDetachKeys } from "../detach-keys.ts";
import type { Exchange } from "../exchange.ts";
import { predictRequest, stepShell } from "../build-requests.ts";
import type { Route } from "../router.ts";
import { closedSignal, outputType, send } from "../streams.ts";
import { EngineError } from "../../errors.ts";
import { sizeOf } from "./containers.ts";
import { textMap } from "./build.ts";

type Answer = (exchange: Exchange, build: string) => Promise<unknown>;

/** A route whose answer is JSON. */
function json(path: string, answer: Answer): Route {
  return { method: "GET", path, handle: async (exchange) => exchange.json(await answer(exchange, exchange.param("id"))) };
}

async function watch({ response, services, signal }: Exchange): Promise<void> {
  response.writeHead(200, { "Content-Type": "application/x-ndjson" }).flushHeaders();
  // Whoever reads too slowly for the few records of builds loses the connection.
  const stop = services.builder.inspector.watch((record) => {
    if (response.writableLength > 8 << 20) response.destroy();
    else response.write(`${JSON.stringify(record)}\n`);
  });
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  stop();
}

async function progress(exchange: Exchange): Promise<void> {
  const { response, services, signal } = exchange;
  const { id } = await services.builder.inspector.get(exchange.param("id"));
  response.writeHead(200, { "Content-Type": "application/x-ndjson" }).flushHeaders();
  for await (const event of services.builder.inspector.progress(id, signal))
    if (!(await send(response, `${JSON.stringify(event)}\n`))) return;
  response.end();
}

async function log(exchange: Exchange): Promise<void> {
  const { query, response, services, signal } = exchange;
  const { inspector } = services.builder;
  const [build, step] = [await inspector.get(exchange.param("id")), exchange.param("step")];
  const printed = await inspector.log(build.id, step);
  if (!query.flag("follow") || build.status !== "running") return void octets(exchange, printed.length).end(printed);
  octets(exchange).flushHeaders();
  for await (const event of inspector.progress(build.id, signal)) {
    if (!("step" in event) || event.step !== step) continue;
    if (event.type === "end") break;
    if (event.type === "log" && !(await send(response, event.data))) return;
  }
  response.end();
}

function octets({ response }: Exchange, length?: number): Exchange["response"] {
  return response.writeHead(200, { "Content-Type": "application/octet-stream", ...(length !== undefined && { "Content-Length": length }) });
}

async function file(exchange: Exchange): Promise<void> {
  const { response, services } = exchange;
  const { sizeBytes, content } = await services.builder.inspector.readFile(exchange.param("id"), exchange.param("step"), pathOf(exchange));
  octets(exchange, sizeBytes);
  for await (const chunk of content) if (!(await send(response, chunk))) return;
  response.end();
}

async function dockerfile(exchange: Exchange): Promise<void> {
  const text = Buffer.from(await exchange.services.builder.inspector.dockerfile(exchange.param("id")));
  octets(exchange, text.length).end(text);
}

function pathOf({ query }: Exchange): string {
  const path = query.text("path") || "/";
  if (!path.startsWith("/")) throw new EngineError("invalid", `The path ${JSON.stringify(path)} has to be absolute`);
  return path;
}

/** The shell is started before the connection is taken over, so that what is wrong is still an HTTP error. */
async function shell(exchange: Exchange): Promise<void> {
  const request = await exchange.readJson(stepShell);
  const gone = new AbortController();
  exchange.signal.addEventListener("abort", () => gone.abort(exchange.signal.reason), { once: true });
  const [id, step] = [exchange.param("id"), exchange.param("step")];
  const opened: OpenShell = await exchange.services.builder.inspector.shell(id, step, { request, signal: gone.signal });
  const tty = request.Tty === true;
  const socket = exchange.hijack({ "Content-Type": outputType(tty, exchange.version), "Berth-Shell": opened.id });
  closedSignal(socket).addEventListener("abort", () => gone.abort(), { once: true });
  await connect(socket, opened.attachment, { tty, detachKeys: parseDetachKeys("ctrl-p,ctrl-q"), onDetach: () => gone.abort() });
}

function resize(exchange: Exchange): void {
  exchange.services.builder.inspector.resizeShell(exchange.param("shell"), sizeOf(exchange));
  exchange.empty(200);
}

async function remove(exchange: Exchange): Promise<void> {
  await exchange.services.builder.inspector.remove(exchange.param("id"));
  exchange.empty(204);
}

async function predict(exchange: Exchange): Promise<void> {
  const { contextDir, buildArgs, ...request } = await exchange.readJson(predictRequest);
  if (contextDir === undefined) throw new EngineError("invalid", "contextDir is missing: the absolute directory of the build context");
  const args = buildArgs === undefined ? {} : { buildArgs: textMap(buildArgs, "buildArgs") };
  exchange.json(await exchange.services.builder.predict({ ...request, ...args, contextDir }, exchange.signal));
}

const STEP = "/berth/builds/{id}/steps/{step}";

export const buildsRoutes: readonly Route[] = [
  json("/berth/builds", async ({ services }) => services.builder.inspector.list()),
  { method: "GET", path: "/berth/builds/watch", handle: watch },
  { method: "POST", path: "/berth/builds/predict", handle: predict },
  { method: "POST", path: "/berth/builds/shells/{shell}/resize", handle: resize },
  json("/berth/builds/shells/{shell}", async ({ services, params }) =>
    Promise.resolve(services.builder.inspector.inspectShell(params["shell"]!)),
  ),
  json("/berth/builds/{id}", async ({ services }, id) => services.builder.inspector.get(id)),
  { method: "DELETE", path: "/berth/builds/{id}", handle: remove },
  { method: "GET", path: "/berth/builds/{id}/progress", handle: progress },
  { method: "GET", path: "/berth/builds/{id}/dockerfile", handle: dockerfile },
  { method: "GET", path: `${STEP}/log`, handle: log },
  json(`${STEP}/environment`, async ({ services, params }, id) => services.builder.inspector.environment(id, params["step"]!)),
  json(`${STEP}/files`, async (exchange, id) => exchange.services.builder.inspector.files(id, exchange.param("step"), pathOf(exchange))),
  { method: "GET", path: `${STEP}/file`, handle: file },
  json(`${STEP}/changes`, async ({ services, params, signal }, id) => services.builder.inspector.changes(id, params["step"]!, signal)),
  { method: "POST", path: `${STEP}/shell`, handle: shell, upgrades: true },
];
