/**
 * Docker's sentences about containers, to the letter: its clients and people's scripts look for them.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/errors.go
 */
import { EngineError } from "../errors.ts";

export const noSuchContainer = (name: string): EngineError => new EngineError("not-found", `No such container: ${name}`);

export const ambiguousId = (prefix: string): EngineError =>
  new EngineError("invalid", `multiple IDs found with provided prefix: ${prefix}`);

export const noNameOrId = (): EngineError => new EngineError("invalid", `invalid name or ID supplied: ""`);

export const invalidSignal = (signal: string): EngineError => new EngineError("invalid", `invalid signal: ${signal}`);

export const noSuchExec = (id: string): EngineError => new EngineError("not-found", `No such exec instance: ${id}`);

export const nameInUse = (name: string, id: string): EngineError =>
  new EngineError(
    "conflict",
    `Conflict. The container name "/${name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  );

export const cannotUpdate = (id: string, why: string): EngineError => new EngineError("conflict", `Cannot update container ${id}: ${why}`);

export const invalidName = (name: string): EngineError =>
  new EngineError("invalid", `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);

export const notRunning = (id: string): EngineError => new EngineError("conflict", `container ${id} is not running`);

export const alreadyPaused = (id: string): EngineError => new EngineError("conflict", `Container ${id} is already paused`);

export const notPaused = (id: string): EngineError => new EngineError("internal", `Container ${id} is not paused`);

export const pausedForExec = (name: string): EngineError =>
  new EngineError("conflict", `Container ${name} is paused, unpause the container before exec`);

export const startPaused = (): EngineError => new EngineError("conflict", "cannot start a paused container, try unpause instead");

export const markedForRemoval = (): EngineError => new EngineError("conflict", "container is marked for removal and cannot be started");

export const removalInProgress = (name: string): EngineError =>
  new EngineError("conflict", `removal of container ${name} is already in progress`);

export const removeRunning = (name: string, state: "running" | "paused" | "restarting"): EngineError => {
  const advice =
    state === "paused"
      ? "container is paused and must be unpaused first"
      : `container is ${state}: stop the container before removing or force remove`;
  return new EngineError("conflict", `cannot remove container "${name}": ${advice}`);
};

export const containerIsRestarting = (id: string): EngineError =>
  new EngineError("conflict", `Container ${id} is restarting, wait until the container is running`);

/** What went wrong in a kill, with Docker's words in front. */
export function cannotKill(name: string, error: EngineError): EngineError {
  return new EngineError(error.kind, `cannot kill container: ${name}: ${error.message}`, { cause: error });
}
