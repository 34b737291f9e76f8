/** What the extension and its pages say to each other. A leaf: both sides import it, it imports only types of the API. */
import type { StatsMark, StatsSample } from "../engine/api/types/stats-history.ts";

/** First to every page; `state` is what the page was opened on and what it is restored with. */
export interface InitPage<State> {
  readonly type: "init";
  readonly state: State;
  /** Translations of the page's own words; English is its own key. */
  readonly words: Readonly<Record<string, string>>;
}

/** The page has loaded and listens. */
export interface PageReady {
  readonly type: "ready";
}

/** Lines that containers printed, in order of time. */
export interface LogLines {
  /** Joined by line feeds; each is `<RFC 3339 with nanoseconds> <text>`. */
  readonly text: string;
  /** Of each line: twice the index of its source, and one more for stderr. A number alone counts for all. */
  readonly marks: number | readonly number[];
}

export interface LogsState {
  /** The container's id, or a project's name. */
  readonly id: string;
  readonly name: string;
  /** With it the lines of the project's containers, or of one service of it. */
  readonly project?: string | undefined;
  readonly service?: string | undefined;
}

export type ToLogsPage =
  | InitPage<LogsState>
  /** Names of services or containers, by which lines are colored; grows. */
  | { readonly type: "sources"; readonly names: readonly string[] }
  | { readonly type: "lines"; readonly lines: LogLines }
  | { readonly type: "note"; readonly text: string }
  /** All that was there before has been sent. */
  | { readonly type: "caughtUp" };

/** `more` pieces of the text follow. */
export type FromLogsPage = PageReady | { readonly type: "save"; readonly text: string; readonly more: boolean };

/** What a container is to be like. Lists are what one writes behind docker's flags. */
export interface RunSpec {
  readonly image: string;
  readonly name: string;
  /** Words, as a shell would split them. */
  readonly command: string;
  /** `8080:80`, `127.0.0.1:53:53/udp`, `80`. */
  readonly ports: readonly string[];
  /** `NAME=value`. */
  readonly environment: readonly string[];
  /** `volume:/path`, `/host/path:/path:ro`. */
  readonly mounts: readonly string[];
  readonly network: string;
  /** `512m`, `2g`; empty for no limit. */
  readonly memory: string;
  /** `1.5`; empty for no limit. */
  readonly cpus: string;
  readonly restart: "no" | "on-failure" | "unless-stopped" | "always";
  readonly user: string;
  readonly directory: string;
  readonly removeAfter: boolean;
  /** `linux/arm64`; empty for the engine's own. Forms that were saved before have none. */
  readonly platform?: string | undefined;
}

export interface RunState {
  readonly spec: RunSpec;
  /** The container that is replaced; undefined for a new one. */
  readonly replaces?: { readonly id: string; readonly name: string } | undefined;
  /** The name under which these options are saved, when they are. */
  readonly saved?: string | undefined;
}

export type ToRunPage =
  | InitPage<RunState>
  | {
      readonly type: "choices";
      readonly images: readonly string[];
      readonly networks: readonly string[];
      readonly volumes: readonly string[];
    }
  | { readonly type: "problem"; readonly text: string }
  | { readonly type: "command"; readonly text: string }
  | { readonly type: "note"; readonly text: string };

export type FromRunPage = PageReady | { readonly type: "run" | "create" | "save" | "changed"; readonly spec: RunSpec };

export type { StatsMark, StatsSample };

export interface StatsState {
  /** Ids of the containers; empty for all that run. */
  readonly ids: readonly string[];
  readonly title: string;
}

export type ToStatsPage =
  | InitPage<StatsState>
  | { readonly type: "names"; readonly names: Readonly<Record<string, string>> }
  | { readonly type: "samples"; readonly id: string; readonly samples: readonly StatsSample[] }
  | { readonly type: "marks"; readonly marks: readonly StatsMark[] }
  /** What is known from before has been told. */
  | { readonly type: "known" }
  | { readonly type: "note"; readonly text: string };

export type FromStatsPage = PageReady;

export interface LayerFile {
  readonly path: string;
  readonly kind: "added" | "changed" | "removed";
  readonly sizeBytes: number;
  readonly directory?: boolean;
}

export interface LayerRow {
  /** From 1, the base's first one. */
  readonly number: number;
  readonly instruction: string;
  readonly sizeBytes: number;
  readonly files: readonly LayerFile[];
  /** Files beyond those that are listed. */
  readonly more: number;
}

export interface ImageState {
  readonly id: string;
  readonly name: string;
  /** Opened from the start. */
  readonly layer?: number | undefined;
}

export type ToImagePage =
  | InitPage<ImageState>
  | {
      readonly type: "layers";
      readonly layers: readonly LayerRow[];
      /** Why there are no files, of an engine that does not tell them; then the numbers below mean nothing. */
      readonly without?: string;
      /** 0 to 1: what the image would be if no file were in it twice, over what it is. */
      readonly efficiency: number;
      readonly wastedBytes: number;
      /** Paths that cost the most, with what they cost beyond being there once. */
      readonly wasted: readonly { readonly path: string; readonly sizeBytes: number; readonly times: number }[];
    }
  | { readonly type: "note"; readonly text: string };

export type FromImagePage =
  | PageReady
  | { readonly type: "open"; readonly layer: number; readonly path: string; readonly kind: LayerFile["kind"] };

export interface Finding {
  readonly kind: "good" | "warning" | "bad";
  readonly text: string;
  /** What to do, in words. */
  readonly advice?: string | undefined;
  /** The shell command that mends it. */
  readonly command?: string | undefined;
}

export type ToDoctorPage =
  | InitPage<Record<string, never>>
  | { readonly type: "findings"; readonly sections: readonly { readonly title: string; readonly findings: readonly Finding[] }[] }
  | { readonly type: "note"; readonly text: string };

/** `text` is a command that was found, or the report. */
export type FromDoctorPage = PageReady | { readonly type: "copy" | "terminal"; readonly text: string } | { readonly type: "again" };

export interface BuildPageState {
  readonly id: string;
  readonly name: string;
}

export interface BuildRow {
  readonly id: string;
  readonly name: string;
  readonly instruction: string;
  readonly stage: string;
  /** `skipped`: the build ended before it. */
  readonly state: "waiting" | "running" | "cached" | "done" | "failed" | "skipped";
  readonly startedMs?: number | undefined;
  readonly endedMs?: number | undefined;
  readonly addedBytes: number;
  readonly why: string;
  readonly error: string;
  readonly line?: number | undefined;
  readonly shell: boolean;
}

export type ToBuildPage =
  | InitPage<BuildPageState>
  | {
      readonly type: "build";
      readonly title: string;
      readonly status: "running" | "succeeded" | "failed" | "canceled";
      readonly startedMs: number;
      readonly endedMs?: number | undefined;
    }
  | { readonly type: "steps"; readonly steps: readonly BuildRow[] }
  | { readonly type: "log"; readonly step: string; readonly text: string }
  /** What was printed comes once more, from the beginning. */
  | { readonly type: "again" }
  | { readonly type: "note"; readonly text: string };

export type FromBuildPage = PageReady | { readonly type: "shell" | "reveal" | "log" | "changes"; readonly step: string };
