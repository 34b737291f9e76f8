/**
 * `--format` of inspect. Docker runs a template on its own types, which have fields that the JSON leaves out when they are
 * empty, such as a container's `State.Health`; only when that fails it runs it on the JSON.
 */
import { formatValue, TemplateError } from "./format.ts";

type Fields = Readonly<Record<string, unknown>>;

/** By a field that only this kind of object has; then by the field that the others lie in. */
const OMITTED: Readonly<Record<string, Readonly<Record<string, Fields>>>> = {
  HostConfig: {
    "": { SizeRw: null, SizeRootFs: null, ImageManifestDescriptor: null },
    State: { Health: null },
    Config: {
      ExposedPorts: null,
      Healthcheck: null,
      ArgsEscaped: false,
      NetworkDisabled: false,
      MacAddress: "",
      StopSignal: "",
      StopTimeout: null,
      Shell: null,
    },
    HostConfig: { Annotations: null, Mounts: null, Tmpfs: null, StorageOpt: null, Sysctls: null, Init: null },
  },
  RootFS: {
    "": { Comment: "", Author: "", Container: "", Parent: "", DockerVersion: "", Variant: "", OsVersion: "", Manifests: null },
    Config: {
      ExposedPorts: null,
      Healthcheck: null,
      ArgsEscaped: false,
      Cmd: null,
      Entrypoint: null,
      Env: null,
      Labels: null,
      OnBuild: null,
      Shell: null,
      StopSignal: "",
      User: "",
      Volumes: null,
      WorkingDir: "",
    },
  },
  IPAM: { "": { Peers: null, Services: null } },
  Mountpoint: { "": { CreatedAt: "", ClusterVolume: null, Status: {}, UsageData: null } },
};

/** @param text the object's JSON @throws {TemplateError} */
export function formatInspected(format: string, text: string): string {
  try {
    return formatValue(format, withOmitted(JSON.parse(text) as Fields));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return formatValue(format, JSON.parse(text));
  }
}

/** What is added is seen by name only, not in JSON. */
function withOmitted(object: Fields): Fields {
  const kind = Object.keys(OMITTED).find((field) => field in object);
  for (const [place, fields] of Object.entries(kind === undefined ? {} : OMITTED[kind]!)) {
    const holder = place === "" ? object : object[place];
    if (typeof holder !== "object" || holder === null) continue;
    for (const [name, value] of Object.entries(fields)) if (!(name in holder)) Object.defineProperty(holder, name, { value });
  }
  return object;
}
