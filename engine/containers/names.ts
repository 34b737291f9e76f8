/** Names for containers that nobody named: an adjective and somebody or something of the sea. */
import { randomInt } from "node:crypto";

const ADJECTIVES =
  "able amber bold brave bright brisk calm candid clear clever cosy crisp daring deep eager early easy fair fine fleet fond frank free fresh gentle glad golden grand happy hardy honest jolly keen kind lively loyal lucky mellow merry mild modest neat nimble noble patient plain polite proud quick quiet ready rosy serene sharp silent smart snug sober solid spry steady still stout sturdy sunny sure swift tidy tranquil true trusty upbeat vivid warm wise witty young zesty".split(
    " ",
  );

const SURNAMES =
  "amundsen anning baret barents beagle bering bligh bougainville bowditch cabot calypso carson cook cortereal cousteau dampier darwin davis drake earle ellison endurance erikson fitzroy flinders franklin frobisher galileo halley hanno harrison hawkins heyerdahl hipparchus hudson humboldt kotzebue lafitte laperouse magellan maury mercator nansen nemo noether odysseus parry piccard polo pytheas ross sextant shackleton sindbad slocum tasman tharp torres urdaneta vancouver vespucci wallis weddell zheng".split(
    " ",
  );

/** A name that `taken` says nobody has. */
export function randomName(taken: (name: string) => boolean): string {
  for (let round = 0; ; round += 1) {
    const name = `${ADJECTIVES[randomInt(ADJECTIVES.length)]}_${SURNAMES[randomInt(SURNAMES.length)]}`;
    const free = round < 10 ? name : `${name}${randomInt(10 * round)}`;
    if (!taken(free)) return free;
  }
}
