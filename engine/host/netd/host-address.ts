/**
 * The host's own address as the rest of the world would see it: the source of its default route. Asked of the kernel by
 * connecting a datagram socket, which sends nothing. It changes when a laptop moves, so it is looked up again and again.
 */
import { createSocket } from "node:dgram";
import { openSocket } from "./host-sockets.ts";

/** Any address that is not ours; documentation prefix. */
const ELSEWHERE = "203.0.113.1";
const FRESH_MS = 5000;

let known = "";
let until = 0;

/** The address found last, empty for none; looked up again in the background when it is not fresh. */
export function hostAddress(): string {
  if (Date.now() > until) void findHostAddress();
  return known;
}

export async function findHostAddress(): Promise<string> {
  until = Date.now() + FRESH_MS;
  known = await sourceAddress().catch(() => "");
  return known;
}

async function sourceAddress(): Promise<string> {
  const fd = await openSocket("udp", ELSEWHERE);
  const socket = createSocket("udp4");
  try {
    await new Promise<void>((resolve, reject) => socket.once("error", reject).bind({ fd, exclusive: true }, resolve));
    await new Promise<void>((resolve, reject) => socket.once("error", reject).connect(53, ELSEWHERE, resolve));
    return socket.address().address;
  } finally {
    socket.close();
  }
}
