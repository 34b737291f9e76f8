/** Certificates of an engine on a TCP address and of those who want to talk to it, and a port for it. */
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { runOrThrow } from "../../engine/host/process.ts";

/** An authority, and certificates of an engine, of its client, of one that has expired, and of a stranger whom another authority knows. */
export async function makeCertificates(folder: string): Promise<void> {
  const openssl = (...args: string[]): Promise<string> => runOrThrow(["openssl", ...args], { cwd: folder });
  for (const name of ["ca", "other"])
    await openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}-key.pem`,
      "-out",
      `${name}.pem`,
    );
  for (const [name, authority, use, names] of [
    ["server", "ca", "serverAuth", "subjectAltName=DNS:engine.example,IP:127.0.0.1"],
    ["client", "ca", "clientAuth", "subjectAltName=DNS:me"],
    ["expired", "ca", "clientAuth", "subjectAltName=DNS:me"],
    ["stranger", "other", "clientAuth", "subjectAltName=DNS:me"],
  ] as const) {
    writeFileSync(join(folder, "extensions"), `extendedKeyUsage=${use}\n${names}\n`);
    await openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`, "-keyout", `${name}-key.pem`, "-out", `${name}.csr`);
    await openssl(
      "x509",
      "-req",
      "-days",
      name === "expired" ? "-1" : "2",
      "-in",
      `${name}.csr`,
      "-CA",
      `${authority}.pem`,
      "-CAkey",
      `${authority}-key.pem`,
      "-CAcreateserial",
      "-extfile",
      "extensions",
      "-out",
      `${name}.pem`,
    );
  }
  for (const name of ["client", "expired", "stranger"]) {
    mkdirSync(join(folder, name));
    for (const [from, to] of [
      ["ca.pem", "ca.pem"],
      [`${name}.pem`, "cert.pem"],
      [`${name}-key.pem`, "key.pem"],
    ] as const)
      writeFileSync(join(folder, name, to), readFileSync(join(folder, from)));
  }
}

/** One that nobody is given meanwhile: below those that the kernel hands out. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer().listen(port, "127.0.0.1");
    const free = await once(server, "listening").then(
      () => true,
      () => false,
    );
    server.close();
    if (free) return port;
  }
}
