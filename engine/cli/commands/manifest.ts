/** `manifest inspect`: what a registry has under a name, in docker's layout to the blank. */
import type { RemoteManifest } from "../../api/types/image.ts";
import { isStatus } from "../../client/errors.ts";
import { command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { credentialsFor } from "../credentials.ts";
import { bool } from "../flags.ts";
import { canonical, ManifestStore, named, repository } from "./manifest-store.ts";
import type { Descriptor, Platform, StoredManifest } from "./manifest-store.ts";

type Entry = Descriptor & { annotations?: Record<string, string> };

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

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
    const store = new ManifestStore(cli);
    if (args.length === 2) {
      const stored = await store.get(args[0]!, name);
      if (!stored) throw new Error(`No such manifest: ${canonical(name)}`);
      return cli.print(flags.verbose ? indented(stored) : indented(content(stored)));
    }
    const begun = await store.list(name);
    if (begun) return cli.print(flags.verbose ? indented(begun) : printedList(begun));
    const ask = await asker(cli, name, flags.insecure);
    const found = await ask(name);
    const document = parse(found);
    if (!flags.verbose) cli.print("manifests" in document ? list(document) : indented(document));
    else if (!("manifests" in document)) cli.print(indented(describe(canonical(name), found, found.platform)));
    else {
      const described: unknown[] = [];
      for (const { digest, platform } of document.manifests as Entry[])
        described.push(describe(`${canonical(name)}@${digest}`, await ask(`${repository(name)}@${digest}`), platform));
      cli.print(indented(described));
    }
  },
});

function indented(value: unknown): string {
  return JSON.stringify(value, null, "\t");
}

function content({ SchemaV2Manifest, OCIManifest }: StoredManifest): unknown {
  return OCIManifest ?? SchemaV2Manifest;
}

/** Asks the registry of `name` for manifests. What it gives throws docker's `no such manifest: …`. */
export async function asker(cli: Cli, name: string, insecure: boolean): Promise<(name: string) => Promise<RemoteManifest>> {
  const { domain } = named(name);
  const client = await cli.client();
  const auth = await credentialsFor(cli, domain);
  return async (wanted) => {
    try {
      return await client.images.remoteManifest(wanted, { insecure, ...(auth && { auth }), signal: cli.signal });
    } catch (error) {
      throw isStatus(error, 404) ? new Error(`no such manifest: ${canonical(wanted)}`, { cause: error }) : error;
    }
  };
}

function parse({ raw }: RemoteManifest): Record<string, unknown> {
  return JSON.parse(Buffer.from(raw, "base64").toString()) as Record<string, unknown>;
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

/** The list that these make, as it is printed and, to the byte, pushed. */
export function printedList(manifests: readonly StoredManifest[]): string {
  const mediaType = manifests[0]?.Descriptor.mediaType === OCI_MANIFEST ? OCI_INDEX : DOCKER_LIST;
  return list({ schemaVersion: 2, mediaType, manifests: manifests.map((each) => each.Descriptor) });
}

function ordered(platform: Platform | undefined): Platform {
  const { architecture = "", os = "", ...rest } = platform ?? {};
  return { architecture, os, ...rest };
}

/** A manifest of a registry as docker describes it. */
export function describe(Ref: string, { mediaType, digest, size, raw }: RemoteManifest, platform: Platform | undefined): StoredManifest {
  const document = JSON.parse(Buffer.from(raw, "base64").toString()) as unknown;
  const kind = mediaType.startsWith("application/vnd.oci.") ? "OCIManifest" : "SchemaV2Manifest";
  return { Ref, Descriptor: { mediaType, digest, size, platform: ordered(platform) }, Raw: raw, [kind]: document };
}
