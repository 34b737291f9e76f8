/**
 * What a TLS address says to those whom it does not let in. dockerd tells a client by a TLS alert what is wrong with its
 * certificate; Node cannot send one, because it looks at certificates only after OpenSSL has accepted all of them, and would
 * just close. So here the client is told in HTTP, in the alert's words, without its request ever being read as one.
 */
import type { Server } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** How long a stranger may take to say its first word. */
const PATIENCE_MS = 10_000;

/** The rest of an alert's text by OpenSSL's reason; others are a bad certificate. */
const ALERTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "expired certificate",
  CERT_REVOKED: "revoked certificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown certificate authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown certificate authority",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown certificate authority",
  DEPTH_ZERO_SELF_SIGNED_CERT: "unknown certificate authority",
};

/** Takes the place of what the server does with a connection: the server must ask for certificates and not reject any itself. */
export function refuseStrangers(server: Server): void {
  replace<Socket>(server, "connection", (socket, serve) => {
    firstData(socket, (data) => {
      if (/^[A-Z]{3}/.test(data.toString("latin1", 0, 3))) return answerPlain(socket);
      socket.unshift(data);
      serve();
    });
  });
  replace<TLSSocket>(server, "secureConnection", (socket, serve) => {
    if (socket.authorized) return serve();
    firstData(socket, () => answerStranger(socket));
  });
}

/** Puts `act` before the only listener of an event. */
function replace<S>(server: Server, event: string, act: (socket: S, serve: () => void) => void): void {
  const [listener] = server.listeners(event) as ((socket: S) => void)[];
  server.removeAllListeners(event);
  server.on(event, (socket: S) => act(socket, () => listener!.call(server, socket)));
}

/** Who sends nothing, or breaks off, is forgotten. */
function firstData(socket: Socket, act: (data: Buffer) => void): void {
  const drop = (): void => void socket.destroy();
  socket.setTimeout(PATIENCE_MS, drop).on("error", drop);
  socket.once("data", (data: Buffer) => {
    socket.pause();
    socket.setTimeout(0).off("timeout", drop).off("error", drop);
    act(data);
  });
}

/** To the letter what Go's server says. */
function answerPlain(socket: Socket): void {
  close(socket, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
}

function answerStranger(socket: TLSSocket): void {
  const reason = Object.keys(socket.getPeerCertificate()).length === 0 ? "certificate required" : alertOf(socket);
  const body = `${JSON.stringify({ message: `the client is refused: tls: ${reason}` })}\n`;
  const head = `HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  close(socket, `${head}\r\nConnection: close\r\n\r\n${body}`);
}

/** The type says an error, what is there is its code. */
function alertOf({ authorizationError }: TLSSocket): string {
  return ALERTS[String(authorizationError)] ?? "bad certificate";
}

/** What else the client sends is thrown away, or the end of the connection would take the answer with it. */
function close(socket: Socket, answer: string): void {
  socket.on("error", () => socket.destroy()).setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.resume().end(answer);
}
