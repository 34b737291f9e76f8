const TURNS = 15;

/** Milliseconds, with one digit, that `once` takes in the middle of fifteen times; the very first time does not count. */
export async function medianOf(once: () => Promise<void>): Promise<number> {
  await once();
  const times: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const started = performance.now();
    await once();
    times.push(performance.now() - started);
  }
  return Math.round(times.toSorted((a, b) => a - b)[TURNS >> 1]! * 10) / 10;
}
