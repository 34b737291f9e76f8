/** A small generator of numbers below a limit, so that what failed once fails again. @see https://en.wikipedia.org/wiki/Xorshift */
export function generator(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
