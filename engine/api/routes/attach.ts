/** Attach: a container's stdio on the connection itself, or as a websocket. */
import { connect } from "../connect.ts";
import { parseDetachKeys } from "../detach-keys.ts";
import type { Exchange } from "../exchange.ts";
import type { Route } from "../router.ts";
import { closedSignal, outputType } from "../streams.ts";
import { acceptWebSocket } from "../websocket.ts";

/** Made once, because every attachment ends. */
const ENDED = new Error("the attachment has ended");

async function attach(exchange: Exchange): Promise<void> {
  const { query, services } = exchange;
  const detachKeys = parseDetachKeys(query.text("detachKeys"));
  const record = await services.containers.get(exchange.param("id"));
  const tty = record.config.Tty === true;
  const gone = new AbortController();
  const attachment = await services.containers.attach(record.id, {
    stdin: query.flag("stdin"),
    stdout: query.flag("stdout"),
    stderr: query.flag("stderr"),
    logs: query.flag("logs"),
    stream: query.flag("stream"),
    signal: gone.signal,
  });
  const socket = exchange.hijack({
    "Content-Type": exchange.request.headers.upgrade ? outputType(tty, exchange.version) : outputType(true, 0),
  });
  closedSignal(socket).addEventListener("abort", () => gone.abort(ENDED), { once: true });
  const onDetach = (): void =>
    services.events.publish("container", "detach", record.id, { image: record.imageName, name: record.name, ...record.config.Labels });
  await connect(socket, attachment, { tty, detachKeys, onDetach });
  gone.abort(ENDED);
}

/** Binary messages both ways, not multiplexed: Docker's websocket never was. */
async function attachWebSocket(exchange: Exchange): Promise<void> {
  const { query, services } = exchange;
  const detachKeys = parseDetachKeys(query.text("detachKeys"));
  const record = await services.containers.get(exchange.param("id"));
  const gone = new AbortController();
  // Before 1.42 nobody chose.
  const all = exchange.version < 42;
  const attachment = await services.containers.attach(record.id, {
    stdin: all || query.flag("stdin"),
    stdout: all || query.flag("stdout"),
    stderr: all || query.flag("stderr"),
    logs: query.flag("logs"),
    stream: query.flag("stream"),
    signal: gone.signal,
  });
  const socket = acceptWebSocket(exchange);
  closedSignal(socket).addEventListener("abort", () => gone.abort(ENDED), { once: true });
  await connect(socket, attachment, { tty: true, detachKeys, onDetach: () => undefined });
  gone.abort(ENDED);
}

export const attachRoutes: readonly Route[] = [
  { method: "POST", path: "/containers/{id}/attach", handle: attach, upgrades: true },
  { method: "GET", path: "/containers/{id}/attach/ws", handle: attachWebSocket, upgrades: true },
];
