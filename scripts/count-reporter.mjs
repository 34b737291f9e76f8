/**
 * A reporter for Node's test runner for the sum at the end of `npm test`: a line of JSON, `[what, name]`, for each leaf test
 * that passed, failed or was skipped, and for each test that began, so that a file that is cut tells where it was.
 */
export default async function* count(source) {
  for await (const { type, data } of source) {
    const what = outcome(type, data);
    if (what) yield `${JSON.stringify([what, typeof data.skip === "string" ? `${data.name}: ${data.skip}` : data.name])}\n`;
  }
}

function outcome(type, { skip, todo, details }) {
  if (type === "test:dequeue") return "begun";
  if (type !== "test:pass" && type !== "test:fail") return undefined;
  if (skip !== undefined || todo !== undefined) return "skipped";
  if (type === "test:pass") return details?.type === "suite" ? "through" : "passed";
  return details?.error?.failureType === "subtestsFailed" ? "through" : "failed";
}
