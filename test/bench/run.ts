export async function bench(): Promise<number> {
  return Promise.resolve(0);
}
