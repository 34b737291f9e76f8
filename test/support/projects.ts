/** Projects, what there is of them, and what a plan would do: the words of the tests of compose's plans. */
import type { ContainerSummary } from "../../engine/api/types/container.ts";
import type { Network } from "../../engine/api/types/network.ts";
import type { Volume } from "../../engine/api/types/volume.ts";
import { networkHash, serviceHash } from "../../engine/compose/hash.ts";
import { LABEL } from "../../engine/compose/labels.ts";
import type { Present } from "../../engine/compose/observe.ts";
import { planUp } from "../../engine/compose/plan-up.ts";
import type { UpOptions } from "../../engine/compose/plan-up.ts";
import type { Plan } from "../../engine/compose/plan.ts";
import type { Project } from "../../engine/compose/project.ts";
import { resolveReferences } from "../../engine/compose/references.ts";
import type { ServiceConfig } from "../../engine/compose/service.ts";

const EMPTY = { disabledServices: {}, secrets: {}, configs: {}, models: {}, extensions: {}, environment: {}, envFiles: [], profiles: [] };

/** A project called `app` whose services are on its default network. */
export function app(services: Record<string, ServiceConfig>, more: Partial<Project> = {}): Project {
  const connected = Object.entries(services).map(([name, service]) => [
    name,
    service.network_mode ? service : { image: "img", networks: { default: null }, ...service },
  ]);
  return {
    name: "app",
    services: Object.fromEntries(connected),
    networks: { default: { name: "app_default", ipam: {} } },
    volumes: {},
    workingDir: "/app",
    files: ["/app/compose.yaml"],
    ...EMPTY,
    ...more,
  };
}

/** Text that ends like an id. */
const idOf = (name: string): string => name.padEnd(64, "0");

export interface There {
  readonly number?: number;
  readonly state?: ContainerSummary["State"];
  readonly labels?: Record<string, string>;
  readonly name?: string;
}

/** A container that is as the project says. */
export function container(project: Project, service: string, there: There = {}): ContainerSummary {
  const { number = 1, state = "running", name = `app-${service}-${number}` } = there;
  const config = project.services[service] ?? {};
  const owners = (other: string) => [{ Id: idOf(`app-${other}-1`), Names: [`/app-${other}-1`] }];
  return {
    Id: idOf(name),
    Names: [`/${name}`],
    Image: "img",
    ImageID: "sha256:i",
    Command: "",
    Created: 0,
    Ports: [],
    State: state,
    Status: "",
    HostConfig: { NetworkMode: "" },
    Mounts: (config.volumes ?? []).map(({ source = "", target }) => ({
      Type: "volume",
      Name: `app_${source}`,
      Source: "",
      Destination: target,
      Mode: "",
      RW: true,
      Propagation: "",
    })),
    NetworkSettings: {
      Networks: Object.fromEntries(Object.keys(config.networks ?? {}).map((key) => [`app_${key}`, { NetworkID: `id-${key}` }])),
    },
    Labels: {
      [LABEL.project]: "app",
      [LABEL.service]: service,
      [LABEL.number]: String(number),
      [LABEL.oneOff]: "False",
      [LABEL.image]: "sha256:i",
      [LABEL.configHash]: serviceHash(resolveReferences(config, owners)),
      [LABEL.dependsOn]: Object.keys(config.depends_on ?? {})
        .map((other) => `${other}:service_started:false`)
        .join(","),
      ...there.labels,
    },
  };
}

export function network(project: Project, key: string, labels: Record<string, string> = {}): Network {
  const own = { [LABEL.project]: "app", [LABEL.network]: key, [LABEL.configHash]: networkHash(project.networks[key]!) };
  return { Name: `app_${key}`, Id: `id-${key}`, Labels: { ...own, ...labels } } as unknown as Network;
}

export function present(project: Project, containers: readonly ContainerSummary[] = [], more: Partial<Present> = {}): Present {
  return {
    containers,
    networks: new Map(Object.keys(project.networks).map((key) => [`app_${key}`, network(project, key)])),
    volumes: new Map(
      Object.keys(project.volumes).map((key) => [
        `app_${key}`,
        { Name: `app_${key}`, Labels: { [LABEL.project]: "app" } } as unknown as Volume,
      ]),
    ),
    images: new Map([["img", { id: "sha256:i", volumes: [], hasHealthcheck: false, tagged: "2026-01-01T00:00:00Z" }]]),
    ...more,
  };
}

export function up(project: Project, there: Present, options: Partial<UpOptions> = {}): Plan {
  return planUp(project, there, { services: Object.keys(project.services), ...options });
}

/** What a plan does, without what it leaves alone. */
export function acts(plan: Plan): string[] {
  return plan.steps.filter(({ kind }) => kind !== "keep" && kind !== "barrier").map(({ id }) => id);
}

export const ONE = app({ web: {} });
export const CHAIN = app({
  web: {
    depends_on: {
      db: { condition: "service_healthy", required: true, restart: true },
      seed: { condition: "service_completed_successfully", required: true },
    },
  },
  db: {},
  seed: { depends_on: { db: { condition: "service_started", required: true } } },
});
export const SHARED = app({ main: {}, side: { image: "img", network_mode: "service:main" } });
export const DATA = app(
  { db: { volumes: [{ type: "volume", source: "data", target: "/data" }] } },
  { volumes: { data: { name: "app_data" } } },
);

export const scaled = (count: number): Project => app({ web: { scale: count } });
