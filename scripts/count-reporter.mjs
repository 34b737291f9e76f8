/** A reporter for Node's test runner that writes the counts of leaf tests as JSON, for the sum at the end of `npm test`. */
export default async function* count(source) {
  const total = { passed: 0, failed: 0, skipped: 0, skippedNames: [] };
  for await (const { type, data } of source) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite" && type === "test:pass") continue;
    if (data.skip !== undefined || data.todo !== undefined) {
      total.skipped++;
      total.skippedNames.push(typeof data.skip === "string" ? `${data.name}: ${data.skip}` : data.name);
    } else if (type === "test:pass") total.passed++;
    else if (data.details?.error?.failureType !== "subtestsFailed") total.failed++;
  }
  yield JSON.stringify(total);
}
