/** EXPOSE's ports: `80`, `80/udp`, `8000-8010/tcp`, each as `port/proto`. */

/** The ports of one word of EXPOSE, or what is wrong with it. */
export function exposedPorts(word: string): string[] | { message: string } {
  const container = word.split(":").at(-1)!;
  const [ports, written = "", ...more] = container.split("/");
  const protocol = written.toLowerCase() || "tcp";
  if (!ports) return { message: `no port specified: ${word}<empty>` };
  if (!["tcp", "udp", "sctp"].includes(protocol) || more.length > 0) return { message: `invalid proto: ${[protocol, ...more].join("/")}` };
  const match = /^(\d+)(?:-(\d+))?$/.exec(ports);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (!match || last > 65535 || last < first) return { message: `invalid containerPort: ${ports}` };
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}
