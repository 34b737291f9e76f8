/** Where a build's result goes: the engine's images, a registry, or the client, as an archive or as files. */
import type { Readable } from "node:stream";
import type { AuthConfig } from "../../api/types/image.ts";
import type { Images } from "../../images/images.ts";
import { topLayer } from "../../images/images.ts";
import type { Digest, Snapshots } from "../../layers/snapshots.ts";
import { fullName, parseReference } from "../../syntax/reference.ts";
import type { Reference } from "../../syntax/reference.ts";
import { attestFiles } from "../attestation.ts";
import type { BuildRequest, BuiltImage } from "../builder.ts";
import { DirectoryTree } from "../directory-tree.ts";
import { emptyTree } from "../file-tree.ts";
import { withFile } from "../with-file.ts";
import { sendArchive, sendDirectory, sendTar } from "./export.ts";
import { GrpcError, UNIMPLEMENTED, UNKNOWN } from "./grpc.ts";
import type { ControlSolveRequest } from "./messages.ts";
import type { Session } from "./session.ts";
import type { Vertex } from "./status.ts";

type Exporter = ControlSolveRequest["Exporters"][number];

export interface ExportersParts {
  readonly exporters: readonly Exporter[];
  readonly images: Images;
  readonly snapshots: Snapshots;
  readonly session: Session;
  readonly signal: AbortSignal;
  readonly login: (domain: string) => Promise<AuthConfig | undefined>;
  readonly vertex: (name: string) => Vertex;
  /** A name for a snapshot, and what is called when the build has ended. */
  readonly key: string;
  readonly release: (release: () => Promise<void>) => void;
}

/** Names and annotations of the image that the builder keeps, and what it is called anywhere. */
export function storedAs(exporters: readonly Exporter[]): Pick<BuildRequest, "tags" | "annotations" | "names"> {
  const annotations = { manifest: {} as Record<string, string>, index: {} as Record<string, string> };
  for (const { Attrs = {} } of exporters)
    for (const [key, value] of Object.entries(Attrs)) {
      const [, kind = "manifest", name] = /^annotation(?:-(manifest|index))?(?:\[[^\]]*\])?\.(.+)$/s.exec(key) ?? [];
      if (name !== undefined) annotations[kind as "manifest" | "index"][name] = value;
    }
  return { tags: exporters.filter(isImage).flatMap(namesOf), names: exporters.flatMap(namesOf), annotations };
}

function namesOf({ Attrs }: Exporter): string[] {
  return (Attrs?.["name"] ?? "").split(",").filter((name) => name !== "");
}

/** Names that `docker` gives to the exporter of its own image store. */
function isImage({ Type }: Exporter): boolean {
  return Type === "moby" || Type === "image";
}

function isOn({ Attrs }: Exporter, name: string): boolean {
  return Attrs?.[name] === "true" || Attrs?.[name] === "1" || Attrs?.[name] === "";
}

export class Exporters {
  readonly #parts: ExportersParts;

  constructor(parts: ExportersParts) {
    this.#parts = parts;
  }

  /** Says what cannot be done before anything is built. @throws {GrpcError} */
  check(platforms: string): void {
    for (const exporter of this.#parts.exporters) {
      const { Type = "", Attrs = {} } = exporter;
      const isFiles = Type === "local" || Type === "tar";
      if (!isImage(exporter) && !isFiles && Type !== "oci" && Type !== "docker")
        throw new GrpcError(UNKNOWN, `exporter ${JSON.stringify(Type)} could not be found`);
      if (isFiles && platforms.includes(","))
        throw new GrpcError(UNIMPLEMENTED, `the exporter ${Type} takes one platform: export several as type=oci, or one after the other`);
      if ((Type === "oci" || Type === "docker") && Attrs["tar"] === "false")
        throw new GrpcError(UNIMPLEMENTED, `the exporter ${Type} writes an archive: leave out tar=false`);
      const { compression = "gzip" } = Attrs;
      if (!isFiles && compression !== "gzip" && compression !== "uncompressed")
        throw new GrpcError(UNIMPLEMENTED, `compression type ${JSON.stringify(compression)} is not supported: gzip or uncompressed`);
      const unknown = Object.keys(Attrs).find((key) => /^annotation-(?!manifest[.[]|index[.[])/.test(key));
      if (unknown !== undefined)
        throw new GrpcError(UNIMPLEMENTED, `${unknown.split(".", 1)[0]!} is not supported: annotate manifest or index`);
    }
  }

  /** @returns what the client is told */
  async run(built: BuiltImage): Promise<Record<string, string>> {
    const answer: Record<string, string> = {};
    for (const [place, exporter] of this.#parts.exporters.entries()) {
      if (isImage(exporter)) Object.assign(answer, await this.#image(built, exporter));
      else if (exporter.Type === "oci" || exporter.Type === "docker") Object.assign(answer, await this.#archive(built, exporter, place));
      else await this.#files(exporter.Type === "tar", built, place);
    }
    return answer;
  }

  /** The builder has stored and named it. */
  async #image({ imageId, index }: BuiltImage, exporter: Exporter): Promise<Record<string, string>> {
    const names = namesOf(exporter).map(fullName);
    const vertex = this.#parts.vertex("exporting to image");
    let digest = index ?? imageId;
    await vertex.during(async () => {
      vertex.did("exporting layers");
      vertex.did(index ? `exporting manifest list ${index}` : `writing image ${imageId}`);
      for (const name of names) vertex.did(`naming to ${name}`);
      if (isOn(exporter, "push")) digest = await this.#push(names, vertex);
    });
    return {
      "containerimage.digest": digest,
      "containerimage.config.digest": imageId,
      ...(names.length > 0 && { "image.name": names.join(",") }),
    };
  }

  /** @returns the digest of what the registry has now */
  async #push(names: readonly string[], vertex: Vertex): Promise<Digest> {
    const { images, login, signal } = this.#parts;
    let digest: unknown;
    for (const name of names) {
      const { reference } = parseReference(name) as { reference: Reference };
      const auth = await login(reference.domain);
      const progress = ({ aux }: { aux?: Record<string, unknown> }): void => void (digest = aux?.["Digest"] ?? digest);
      await images.push(name, { signal, progress, ...(auth && { auth }) });
      vertex.did(`pushing manifest for ${name}@${String(digest)}`);
    }
    if (typeof digest !== "string") throw new GrpcError(UNKNOWN, "tag is needed when pushing to registry");
    return digest as Digest;
  }

  async #archive({ imageId, manifest, index }: BuiltImage, exporter: Exporter, place: number): Promise<Record<string, string>> {
    const { images, session, signal } = this.#parts;
    const names = namesOf(exporter).map(fullName);
    const vertex = this.#parts.vertex(`exporting to ${exporter.Type === "oci" ? "oci" : "docker"} image format`);
    await vertex.during(async () => {
      const tar: Readable = await images.archive({ id: imageId, manifest, index }, { names, signal });
      const { progress, done } = vertex.transfer("sending tarball");
      done(await sendArchive(tar, { session, place, progress, signal }));
    });
    return { "containerimage.digest": index ?? imageId, "containerimage.config.digest": imageId };
  }

  async #files(isTar: boolean, { imageId: image, provenance }: BuiltImage, place: number): Promise<void> {
    const { images, snapshots, session, signal, release } = this.#parts;
    const chain = topLayer(await images.get(image));
    const key = `${this.#parts.key}-${place}`;
    if (chain !== null) release(() => snapshots.remove(key));
    const files = chain === null ? emptyTree : new DirectoryTree(await snapshots.view(key, chain), { owner: "kept" });
    const tree = provenance ? withFile(files, "provenance.json", await attestFiles(files, provenance)) : files;
    const vertex = this.#parts.vertex(isTar ? "sending tarball" : "exporting to client directory");
    await vertex.during(async () => {
      const { progress, done } = vertex.transfer(isTar ? "sending tarball" : "copying files");
      const target = { session, place, progress, signal };
      done(isTar ? await sendTar(tree, target) : await sendDirectory(tree, target));
    });
  }
}
