/** `POST /berth/build`: builds of Berth's own clients, with everything that a build can be asked for. */
import { contextOf, definitionOf, dockerfileOf } from "../../build/predict-request.ts";
import { isOn } from "../../build/build-args.ts";
import type { BuildRequest } from "../../build/builder.ts";
import { cacheSource, cacheTarget } from "../../build/cache-options.ts";
import { readAttestations } from "../../build/provenance-options.ts";
import type { Access } from "../../build/remote-access.ts";
import { EngineError } from "../../errors.ts";
import { receiveContext, takeUploaded, uploadContext } from "../build-context.ts";
import type { BuildContext } from "../build-context.ts";
import { buildCall } from "../build-requests.ts";
import type { Exchange } from "../exchange.ts";
import type { Route } from "../router.ts";
import { brokenOff } from "../broken-off.ts";
import { JsonStream, send } from "../streams.ts";
import type { BuildCall, BuildProgress } from "../types/builds.ts";
import type { AuthConfig } from "../types/image.ts";
import { textMap } from "./build.ts";

async function build(exchange: Exchange): Promise<void> {
  const asked = await exchange.readRequiredJson(buildCall);
  const stream = new JsonStream(exchange.response);
  const tell = async (event: BuildProgress): Promise<void> => stream.pass(event);
  const context = await contextFor(exchange, asked);
  try {
    const request = await requestOf(asked, context);
    await exchange.services.builder.build(request, tell, exchange.signal);
    await tell({ type: "finish", status: "succeeded" });
    stream.end();
  } catch (error) {
    const message = brokenOff(exchange, stream, error);
    if (message === undefined) return;
    await tell({ type: "finish", status: "failed", error: message });
    stream.end();
  } finally {
    await context.remove();
  }
}

/** @throws {EngineError} invalid unless exactly one place is named */
async function contextFor(exchange: Exchange, call: BuildCall): Promise<BuildContext> {
  const { contextDir, contextId, remote, buildArgs = {} } = call;
  if ([contextDir, contextId, remote].filter((each) => each !== undefined).length !== 1)
    throw new EngineError("invalid", "One of contextDir, contextId and remote has to say where the build context is");
  if (contextId !== undefined) return takeUploaded(exchange, contextId);
  if (remote !== undefined)
    return receiveContext(exchange, () => undefined, {
      remote,
      access: accessOf(call),
      keepGitDir: isOn(buildArgs, "BUILDKIT_CONTEXT_KEEP_GIT_DIR"),
    });
  const dir = await contextOf(contextDir!);
  return { dir, name: dir, remove: () => Promise.resolve() };
}

/** The secrets and the agents that came with the call. */
function accessOf({ secrets = {}, ssh = {} }: BuildCall): Required<Access> {
  return {
    secret: (id) => Promise.resolve(Object.hasOwn(secrets, id) ? Buffer.from(secrets[id]!, "base64") : undefined),
    sshAgent: (id) => Promise.resolve(Object.hasOwn(ssh, id) ? ssh[id] : undefined),
  };
}

async function requestOf(asked: BuildCall, context: BuildContext): Promise<BuildRequest> {
  const { buildArgs = {}, contextDir, tags = [], noCacheStages, allow, ulimits, cgroupParent } = asked;
  const definition = await definitionOf({ ...asked, buildArgs: textMap(buildArgs, "buildArgs") });
  const provenance = readAttestations(asked.attestations ?? {});
  const path = context.dockerfile ?? (asked.dockerfile || "Dockerfile");
  return {
    ...definition,
    contextDir: context.dir,
    dockerfile:
      contextDir === undefined
        ? asked.text === undefined
          ? { path }
          : { text: asked.text, name: path }
        : await dockerfileOf({ ...asked, contextDir: context.dir }),
    tags: tags.filter((tag) => tag !== ""),
    pull: asked.pull ?? false,
    auth: (asked.auth ?? {}) as Record<string, AuthConfig>,
    ...accessOf(asked),
    ...(asked.announced !== undefined && { announced: asked.announced }),
    ...(noCacheStages?.length && { noCacheStages }),
    ...(allow?.length && { entitlements: allow }),
    ...(ulimits?.length && { ulimits }),
    ...(cgroupParent && { resources: { CgroupParent: cgroupParent } }),
    ...(asked.annotations && { annotations: { manifest: asked.annotations.manifest ?? {}, index: asked.annotations.index ?? {} } }),
    ...(asked.cacheFrom?.length && { cacheFrom: asked.cacheFrom.map(cacheSource) }),
    ...(asked.cacheTo?.length && { cacheTo: asked.cacheTo.map(cacheTarget) }),
    ...(provenance && { provenance }),
    ...(context.remote && { remote: context.remote }),
    ...((context.name ?? asked.contextName) && { contextName: context.name ?? asked.contextName! }),
  };
}

async function describe(exchange: Exchange): Promise<void> {
  const asked = await exchange.readRequiredJson(buildCall);
  const context = await contextFor(exchange, asked);
  try {
    exchange.json(await exchange.services.builder.describe(exchange.param("method"), await requestOf(asked, context)));
  } finally {
    await context.remove();
  }
}

async function rootfs(exchange: Exchange): Promise<void> {
  const { response, services } = exchange;
  const tar = await services.builder.inspector.rootfs(exchange.param("name"));
  response.writeHead(200, { "Content-Type": "application/x-tar" });
  for await (const chunk of tar) if (!(await send(response, chunk))) return;
  response.end();
}

export const berthBuildRoutes: readonly Route[] = [
  { method: "POST", path: "/berth/build", handle: build },
  { method: "POST", path: "/berth/build/describe/{method}", handle: describe },
  { method: "GET", path: "/berth/images/{name}/rootfs", handle: rootfs },
  { method: "POST", path: "/berth/build/contexts", handle: async (exchange) => exchange.json({ Id: await uploadContext(exchange) }) },
];
