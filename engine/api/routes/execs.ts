/** Execs: another process in a running container. */
import { EngineError } from "../../errors.ts";
import type { Attachment } from "../../containers/containers.ts";
import { connect } from "../connect.ts";
import { parseDetachKeys, readDetachKeys } from "../detach-keys.ts";
import type { Exchange } from "../exchange.ts";
import { execCreate, execStart } from "../requests.ts";
import type { Route } from "../router.ts";
import { closedSignal, frame, outputType } from "../streams.ts";
import { sizeOf } from "./containers.ts";

async function create(exchange: Exchange): Promise<void> {
  const request = await exchange.readJson(execCreate);
  if (!request.Cmd || request.Cmd.length === 0) throw new EngineError("invalid", "No exec command specified");
  // Docker takes this for a fault of its own.
  if (!readDetachKeys(request.DetachKeys ?? "")) throw new EngineError("internal", `Invalid escape keys (${request.DetachKeys}) provided`);
  exchange.json({ Id: await exchange.services.containers.execCreate(exchange.param("id"), request) }, 201);
}

/** With `Detach` it only starts; otherwise the connection becomes the process's stdio. */
async function start(exchange: Exchange): Promise<void> {
  const { containers } = exchange.services;
  const id = exchange.param("id");
  const request = await exchange.readJson(execStart);
  const { DetachKeys } = await containers.execInspect(id);
  const tty = request.Tty === true;
  const [rows, columns] = request.ConsoleSize ?? [0, 0];
  const options = { detach: request.Detach === true, tty, ...(rows && columns && { consoleSize: { rows, columns } }) };
  if (options.detach) {
    await containers.execStart(id, options);
    return exchange.empty(200);
  }
  const socket = exchange.hijack({
    "Content-Type": exchange.request.headers.upgrade ? outputType(tty, exchange.version) : outputType(true, 0),
    ...apiHeaders(exchange),
  });
  let attachment: Attachment | undefined;
  try {
    attachment = await containers.execStart(id, { ...options, signal: closedSignal(socket) });
  } catch (error) {
    // The status is sent already, so the client reads the reason where the output would be, as from dockerd.
    const data = Buffer.from(`${error instanceof Error ? error.message : String(error)}\r\n`);
    return void socket.end(tty ? data : frame({ stream: "stdout", data }));
  }
  if (!attachment) return void socket.end();
  await connect(socket, attachment, { tty, detachKeys: parseDetachKeys(DetachKeys), onDetach: () => undefined });
}

function apiHeaders({ response }: Exchange): Record<string, string> {
  const names = ["Api-Version", "Docker-Experimental", "Ostype", "Server"];
  return Object.fromEntries(names.map((name) => [name, String(response.getHeader(name))]));
}

async function resize(exchange: Exchange): Promise<void> {
  const size = sizeOf(exchange);
  await exchange.services.containers.execResize(exchange.param("id"), size);
  exchange.empty(200);
}

async function inspect(exchange: Exchange): Promise<void> {
  exchange.json(await exchange.services.containers.execInspect(exchange.param("id")));
}

export const execRoutes: readonly Route[] = [
  { method: "POST", path: "/containers/{id}/exec", handle: create },
  { method: "GET", path: "/exec/{id}/json", handle: inspect },
  { method: "POST", path: "/exec/{id}/resize", handle: resize },
  { method: "POST", path: "/exec/{id}/start", handle: start, upgrades: true },
];
