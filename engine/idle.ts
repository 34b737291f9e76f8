/** When an engine may go: nobody is connected and nothing runs, for a while. */
import type { Server } from "node:http";
import type { Socket } from "node:net";

interface Work {
  readonly server: Server;
  busy(): Promise<boolean>;
}

/**
 * Calls `end` when `work` has been idle for `seconds`, again and again until it says that it ended.
 * Connections count as use, whatever they carry.
 */
export function whenIdle(work: Work, seconds: number, end: () => Promise<boolean>): void {
  let connections = 0;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    if (connections > 0) return;
    if ((await work.busy()) || connections > 0 || !(await end())) wait();
  };
  const wait = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void look().catch(wait), seconds * 1000).unref();
  };
  work.server.on("connection", (socket: Socket) => {
    connections += 1;
    clearTimeout(timer);
    socket.once("close", () => {
      connections -= 1;
      if (connections === 0) wait();
    });
  });
  wait();
}
