/** `manifest inspect`: what a registry has under a name, in docker's layout to the blank. */
import type { RemoteManifest } from "../../api/types/image.ts";
import { canonicalReference, familiarReference, parseReference, withDefaultTag } from "../../syntax/reference.ts";
import { command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { credentialsFor } from "../credentials.ts";
import { bool } from "../flags.ts";

interface Platform {
  architecture: string;
  os: string;
}

interface Entry {
  mediaType: string;
  size: number;
  digest: string;
  annotations?: Record<string, string>;
  platform?: Platform;
}

export const manifestInspect = command({
  usage: "[OPTIONS] [MANIFEST_LIST] MANIFEST",
  about: "Display an image manifest, or manifest list",
  arity: [1, 2],
  flags: {
    insecure: bool("Allow communication with an insecure registry"),
    verbose: bool("Output additional info including layers and platform", { short: "v" }),
  },
  async run(cli, { args, flags }) {
    const name = args.at(-1)!;
    // Lists that were begun on this machine are not kept: registries and builds have them.
    if (args.length === 2) throw new Error(`No such manifest: ${name}`);
    const ask = await asker(cli, name, flags.insecure);
    const found = await ask(name);
    const document = parse(found);
    if (!flags.verbose) cli.print("manifests" in document ? list(document) : JSON.stringify(document, null, "\t"));
    else if (!("manifests" in document)) cli.print(JSON.stringify(describe(canonical(name), found, found.platform), null, "\t"));
    else {
      const described: unknown[] = [];
      for (const { digest, platform } of document.manifests as Entry[])
        described.push(describe(`${canonical(name)}@${digest}`, await ask(`${repository(name)}@${digest}`), platform));
      cli.print(JSON.stringify(described, null, "\t"));
    }
  },
});

async function asker(cli: Cli, name: string, insecure: boolean): Promise<(name: string) => Promise<RemoteManifest>> {
  const parsed = parseReference(name);
  if ("problem" in parsed) throw new Error(parsed.problem);
  const client = await cli.client();
  const auth = await credentialsFor(cli, parsed.reference.domain);
  return async (wanted) => client.images.remoteManifest(wanted, { insecure, ...(auth && { auth }), signal: cli.signal });
}

function parse({ raw }: RemoteManifest): Record<string, unknown> {
  return JSON.parse(Buffer.from(raw, "base64").toString()) as Record<string, unknown>;
}

function named(name: string) {
  const parsed = parseReference(name);
  if ("problem" in parsed) throw new Error(parsed.problem);
  return parsed.reference;
}

function canonical(name: string): string {
  return canonicalReference(withDefaultTag(named(name)));
}

function repository(name: string): string {
  const { tag: _, digest: __, ...rest } = named(name);
  return familiarReference(rest);
}

function list({ schemaVersion, mediaType, manifests }: Record<string, unknown>): string {
  const entries = (manifests as Entry[]).map(({ mediaType: type, size, digest, annotations, platform }) => ({
    mediaType: type,
    size,
    digest,
    ...(annotations && { annotations }),
    platform: ordered(platform),
  }));
  return JSON.stringify({ schemaVersion, mediaType, manifests: entries }, null, "   ");
}

function ordered(platform: Platform | undefined): Platform {
  const { architecture = "", os = "", ...rest } = platform ?? {};
  return { architecture, os, ...rest };
}

function describe(Ref: string, { mediaType, digest, size, raw }: RemoteManifest, platform: Platform | undefined): unknown {
  const content = JSON.parse(Buffer.from(raw, "base64").toString()) as unknown;
  const kind = mediaType.startsWith("application/vnd.oci.") ? "OCIManifest" : "SchemaV2Manifest";
  return { Ref, Descriptor: { mediaType, digest, size, platform: ordered(platform) }, Raw: raw, [kind]: content };
}
