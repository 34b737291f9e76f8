/** Names of containers: valid, unique, and made up where the user gave none. */
import { randomInt } from "node:crypto";
import { EngineError } from "../errors.ts";

const VALID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** @throws {EngineError} invalid with dockerd's sentence */
export function checkName(name: string): void {
  if (!VALID.test(name)) throw new EngineError("invalid", `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
}

/** Dockerd's sentence for a name that is taken. */
export function nameConflict(name: string, holderId: string): EngineError {
  return new EngineError(
    "conflict",
    `Conflict. The container name "/${name}" is already in use by container "${holderId}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
}

const ADJECTIVES =
  "able amber bold brave breezy bright brisk calm clear clever coastal crisp deep eager early easy fair famous fast fine firm fleet fluent fond frank free fresh gentle glad golden grand great happy hardy harbored honest humble jolly keen kind lively local loyal lucky mellow merry mighty modest neat nimble noble open patient placid plucky polite proud quick quiet ready real robust royal sage salty serene sharp sincere sleek smart snug solid speedy spry stable steady stout sunny sure swift tidal tidy trim true trusty upbeat useful vivid warm wise witty worthy zesty".split(
    " ",
  );

/** Sailors, shipbuilders, navigators and harbour people, real ones. */
const SURNAMES =
  "amundsen baltimore barents bering blackburn bougainville bowditch brendan brunel cabot cabral caillie chichester cook cousteau dampier davis diaz drake elcano ericson flinders franklin fremantle frobisher gama gilbert grace hadley harrison hartog henry hornblower hudson janszoon jewitt kruzenshtern laperouse lind magellan malaspina mercator moitessier nansen nares nelson okeeffe parry peary piccard polo pytheas rackham ross rutter scoresby shackleton slocum smeaton stark tabarly tasman thayer torres vancouver vespucci villiers wilkes willoughby zheng".split(
    " ",
  );

/** A name that `taken` does not hold; after some tries a digit is added, so that it always ends. */
export function randomName(taken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const name = `${pick(ADJECTIVES)}_${pick(SURNAMES)}${attempt < 6 ? "" : randomInt(10 ** (attempt - 4))}`;
    if (!taken(name)) return name;
  }
}

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)]!;
}
