/** The project beside its file: lenses that bring services up, and what an engine has of each service. */
import type { CodeLens, InlayHint } from "vscode-languageserver";
import { observe, planUp } from "../../../../engine/compose/compose.ts";
import type { Project } from "../../../../engine/compose/compose.ts";
import type { ContainerSummary } from "../../../../engine/api/types/container.ts";
import type { DockerClient } from "../../../../engine/client/client.ts";
import { entriesOf, entryOf, follow, placesOf, rangeOf, scalarText } from "./document.ts";
import type { ComposeDocument } from "./document.ts";
import type { Related } from "./related.ts";
import { t } from "../words.ts";

/** What is known of a service, in words. */
export interface ServiceState {
  readonly label: string;
  readonly tooltip: string;
}

/** Up, Restart, Logs and Shell above each service, and Up All above them all. */
export function lenses(document: ComposeDocument, uri: string): CodeLens[] {
  const services = entryOf(document.root, "services");
  if (!services) return [];
  const lens = (key: { start: number; end: number }, [title, command]: readonly [string, string], names: readonly string[]): CodeLens => ({
    range: rangeOf(document, key),
    command: { title, command: `berth.language.${command}`, arguments: [uri, names] },
  });
  const all = (
    [
      [`$(run-all) ${t("Up All")}`, "up"],
      [t("Restart All"), "restart"],
      [t("Logs"), "logs"],
    ] as const
  ).map((one) => lens(services.key, one, []));
  const each = entriesOf(services.value).flatMap(({ key }) => {
    const name = scalarText(key);
    if (!name) return [];
    const verbs = [
      [`$(play) ${t("Up")}`, "up"],
      [t("Restart"), "restart"],
      [t("Logs"), "logs"],
      [t("Shell"), "serviceShell"],
    ] as const;
    return verbs.map((one) => lens(key, one, [name]));
  });
  return [...all, ...each];
}

/** The state of each service of a project, by name. */
export async function serviceStates(client: DockerClient, project: Project, signal: AbortSignal): Promise<Map<string, ServiceState>> {
  const services = Object.keys(project.services);
  const present = await observe(client, project, { services, signal });
  const own = present.containers.filter(({ Labels }) => Labels["com.docker.compose.oneoff"] !== "True");
  const drift = driftOf(project, present, services);
  return new Map(
    services.map((name) => {
      const containers = own.filter(({ Labels }) => Labels["com.docker.compose.service"] === name);
      return [
        name,
        stateOf(containers, {
          wanted: project.services[name]!.scale ?? project.services[name]!.deploy?.replicas ?? 1,
          drift: drift.get(name),
        }),
      ];
    }),
  );
}

/** Why `up` would make the containers of a service anew, by service. */
export function driftOf(project: Project, present: Awaited<ReturnType<typeof observe>>, services: readonly string[]): Map<string, string> {
  try {
    const { steps } = planUp(project, present, { services });
    return new Map(steps.flatMap((step) => (step.kind === "create" && step.replaces ? [[step.service, step.reason] as const] : [])));
  } catch (error) {
    return new Map(services.map((name) => [name, (error as Error).message]));
  }
}

/** `running 3/3 · needs recreate: the configuration changed`. */
export function stateOf(
  containers: readonly Pick<ContainerSummary, "State" | "Status" | "Names">[],
  { wanted, drift }: { wanted: number; drift: string | undefined },
): ServiceState {
  const running = containers.filter(({ State }) => State === "running");
  const unhealthy = running.filter(({ Status }) => Status.includes("(unhealthy)")).length;
  const starting = running.filter(({ Status }) => Status.includes("health: starting")).length;
  const base =
    containers.length === 0
      ? t("not created")
      : running.length > 0
        ? t("running {0}/{1}", running.length, wanted)
        : `${containers[0]!.State}${/\((\d+)\)/.exec(containers[0]!.Status)?.[0] ? ` ${/\((\d+)\)/.exec(containers[0]!.Status)![0]}` : ""}`;
  const stale = drift !== undefined && /image/.test(drift);
  const parts = [
    base,
    unhealthy > 0 ? `${t("unhealthy")}${running.length > 1 ? ` ${unhealthy}` : ""}` : undefined,
    starting > 0 ? t("starting") : undefined,
    drift === undefined ? undefined : stale ? t("image stale") : t("needs recreate"),
  ].filter((part) => part !== undefined);
  const why = drift === undefined ? [] : [t("**Needs recreate:** {0}. *Up* does it.", drift)];
  const list = containers.map(({ Names, Status }) => `- \`${Names[0]?.slice(1) ?? ""}\` ${Status}`);
  return { label: parts.join(" · "), tooltip: [...why, list.join("\n")].filter(Boolean).join("\n\n") };
}

export function stateInlays(document: ComposeDocument, states: ReadonlyMap<string, ServiceState>): InlayHint[] {
  return entriesOf(follow(document.root, ["services"])).flatMap(({ key }) => {
    const state = states.get(scalarText(key) ?? "");
    if (!state) return [];
    const { line } = document.positionAt(key.start);
    return [
      {
        position: { line, character: (document.lines[line] ?? "").length },
        label: state.label,
        paddingLeft: true,
        ...(state.tooltip && { tooltip: { kind: "markdown" as const, value: state.tooltip } }),
      },
    ];
  });
}

/** Behind each value that the override file replaces: by what. */
export function overrideInlays(document: ComposeDocument, overrides: readonly Related[]): InlayHint[] {
  const [override] = overrides;
  if (!override) return [];
  const replaced = new Map(
    [...placesOf(override.document)].flatMap(({ path, node }) =>
      node?.kind === "scalar" && path.every((step) => typeof step === "string") ? [[path.join("\0"), node.text] as const] : [],
    ),
  );
  const name = override.path.split("/").at(-1)!;
  return [...placesOf(document)].flatMap(({ path, node }) => {
    const value = node?.kind === "scalar" ? replaced.get(path.join("\0")) : undefined;
    if (!node || node.kind !== "scalar" || value === undefined || value === node.text) return [];
    return [{ position: document.positionAt(node.end), label: `→ ${value}`, tooltip: t("{0} replaces it", name), paddingLeft: true }];
  });
}
