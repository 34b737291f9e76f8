/**
 * The messages of BuildKit's client protocol, with the fields that Berth reads or writes; names are those of the .proto
 * files. @see https://github.com/moby/buildkit (api/services/control, frontend/gateway/pb, session, solver/pb)
 */
import { big, bytes, byteses, bytesMap, flag, integer, many, message, name, one, text, textMap, texts } from "./wire.ts";
import type { Decoded } from "./wire.ts";

export const Timestamp = message({ seconds: integer(1), nanos: integer(2) });

const Any = message({ type_url: text(1), value: bytes(2) });
/** google.rpc.Status */
export const Status = message({ code: integer(1), message: text(2), details: many(3, Any) });

export const Empty = message({});
export const BytesMessage = message({ data: bytes(1) });

const Exporter = message({ Type: text(1), Attrs: textMap(2) });
const Platform = message({ Architecture: text(1), OS: text(2), Variant: text(3) });
const BuildkitVersion = message({ package: text(1), version: text(2), revision: text(3) });
const WorkerRecord = message({ ID: text(1), Labels: textMap(2), platforms: many(3, Platform), BuildkitVersion: one(5, BuildkitVersion) });

const CacheOptionsEntry = message({ Type: text(1), Attrs: textMap(2) });
const CacheOptions = message({ Exports: many(4, CacheOptionsEntry), Imports: many(5, CacheOptionsEntry) });

export const ControlSolveRequest = message({
  Ref: text(1),
  Session: text(5),
  Frontend: text(6),
  FrontendAttrs: textMap(7),
  Cache: one(8, CacheOptions),
  Entitlements: texts(9),
  Internal: flag(11),
  Exporters: many(13, Exporter),
});
export const ControlSolveResponse = message({ ExporterResponse: textMap(1) });
export const StatusRequest = message({ Ref: text(1) });
export const ListWorkersResponse = message({ record: many(1, WorkerRecord) });
export const InfoResponse = message({ buildkitVersion: one(1, BuildkitVersion) });

export const PruneRequest = message({ filter: texts(1), all: flag(2), keepDuration: integer(3), reservedSpace: integer(4) });
export const DiskUsageRequest = message({ filter: texts(1) });
export const UsageRecord = message({
  ID: text(1),
  Mutable: flag(2),
  InUse: flag(3),
  Size: integer(4),
  CreatedAt: one(6, Timestamp),
  LastUsedAt: one(7, Timestamp),
  UsageCount: integer(8),
  Description: text(9),
  RecordType: text(10),
  Shared: flag(11),
});
export const DiskUsageResponse = message({ record: many(1, UsageRecord) });

const Vertex = message({
  digest: text(1),
  inputs: texts(2),
  name: text(3),
  cached: flag(4),
  started: one(5, Timestamp),
  completed: one(6, Timestamp),
  error: text(7),
});
const VertexStatus = message({
  ID: text(1),
  vertex: text(2),
  name: text(3),
  current: integer(4),
  total: integer(5),
  timestamp: one(6, Timestamp),
  started: one(7, Timestamp),
  completed: one(8, Timestamp),
});
const VertexLog = message({ vertex: text(1), timestamp: one(2, Timestamp), stream: integer(3), msg: bytes(4) });
const Position = message({ line: integer(1), character: integer(2) });
const Range = message({ start: one(1, Position), end: one(2, Position) });
const SourceInfo = message({ filename: text(1), data: bytes(2), language: text(4) });
const VertexWarning = message({
  vertex: text(1),
  level: integer(2),
  short: bytes(3),
  detail: byteses(4),
  url: text(5),
  info: one(6, SourceInfo),
  ranges: many(7, Range),
});
export const StatusResponse = message({
  vertexes: many(1, Vertex),
  statuses: many(2, VertexStatus),
  logs: many(3, VertexLog),
  warnings: many(4, VertexWarning),
});

export const BuildHistoryRequest = message({ ActiveOnly: flag(1), Ref: text(2), EarlyExit: flag(3), Filter: texts(4), Limit: integer(5) });
const BuildHistoryRecord = message({
  Ref: text(1),
  Frontend: text(2),
  FrontendAttrs: textMap(3),
  Exporters: many(4, Exporter),
  error: one(5, Status),
  CreatedAt: one(6, Timestamp),
  CompletedAt: one(7, Timestamp),
  ExporterResponse: textMap(9),
  numCachedSteps: integer(15),
  numTotalSteps: integer(16),
  numCompletedSteps: integer(17),
  numWarnings: integer(19),
});
export const BuildHistoryEvent = message({ type: integer(1), record: one(2, BuildHistoryRecord) });
export const UpdateBuildHistoryRequest = message({ Ref: text(1), Pinned: flag(2), Delete: flag(3), Finalize: flag(4) });

const Input = message({ digest: text(1), index: integer(2) });
const SourceOp = message({ identifier: text(1), attrs: textMap(2) });
export const Op = message({ inputs: many(1, Input), source: one(3, SourceOp) });
export const Definition = message({ def: byteses(1), metadata: bytesMap(2) });
const Ref = message({ id: text(1), def: one(2, Definition) });
export const Result = message({ ref: one(3, Ref), metadata: bytesMap(10) });
export const GatewaySolveRequest = message({ Frontend: text(2), FrontendOpt: textMap(3), FrontendInputs: bytesMap(13) });
export const GatewaySolveResponse = message({ ref: text(1), result: one(3, Result) });
export const EvaluateRequest = message({ Ref: text(1) });
export const ReturnRequest = message({ result: one(1, Result), error: one(2, Status) });
const APICap = message({ ID: text(1), Enabled: flag(2) });
export const PongResponse = message({ FrontendAPICaps: many(1, APICap), LLBCaps: many(2, APICap), Workers: many(3, WorkerRecord) });

/** Mode is Go's FileMode, modTime in nanoseconds. */
export const Stat = message({
  path: name(1),
  mode: integer(2),
  uid: integer(3),
  gid: integer(4),
  size: integer(5),
  modTime: big(6),
  linkname: name(7),
  devmajor: integer(8),
  devminor: integer(9),
});
export const Packet = message({ type: integer(1), stat: one(2, Stat), ID: integer(3), data: bytes(4) });

export const CredentialsRequest = message({ Host: text(1) });
export const CredentialsResponse = message({ Username: text(1), Secret: text(2) });
export const IdMessage = message({ ID: text(1) });

const ContentInfo = message({ digest: text(1), size: integer(2) });
export const InfoRequest = message({ digest: text(1) });
export const ContentInfoResponse = message({ info: one(1, ContentInfo) });
export const ReadContentRequest = message({ digest: text(1), offset: integer(2), size: integer(3) });
export const ReadContentResponse = message({ offset: integer(1), data: bytes(2) });
export const WriteContentRequest = message({
  action: integer(1),
  ref: text(2),
  total: integer(3),
  expected: text(4),
  offset: integer(5),
  data: bytes(6),
});
export const WriteContentResponse = message({ action: integer(1), offset: integer(4), total: integer(5), digest: text(6) });

export type ControlSolveRequest = Decoded<typeof ControlSolveRequest>;
export type StatusResponse = Decoded<typeof StatusResponse>;
export type BuildHistoryRequest = Decoded<typeof BuildHistoryRequest>;
export type BuildHistoryEvent = Decoded<typeof BuildHistoryEvent>;
export type UpdateBuildHistoryRequest = Decoded<typeof UpdateBuildHistoryRequest>;
export type GatewaySolveRequest = Decoded<typeof GatewaySolveRequest>;
export type ReturnRequest = Decoded<typeof ReturnRequest>;
export type Stat = Decoded<typeof Stat>;
export type Packet = Decoded<typeof Packet>;
export type Timestamp = Decoded<typeof Timestamp>;
