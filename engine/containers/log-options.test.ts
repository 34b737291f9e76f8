import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogConfig } from "../api/types/container.ts";
import { logFileOptions } from "./log-options.ts";

const unusable = "failed to initialize logging driver: ";
const REFUSED: [driver: string, options: Record<string, string>, sentence: string][] = [
  ["bogus", {}, 'error looking up logging plugin bogus: plugin "bogus" not found'],
  ["json-file", { nosuch: "1" }, "unknown log opt 'nosuch' for json-file log driver"],
  ["json-file", { "max-size": "x" }, `${unusable}invalid size: 'x'`],
  ["json-file", { "max-file": "x" }, `${unusable}strconv.Atoi: parsing "x": invalid syntax`],
  ["json-file", { "max-file": "0" }, `${unusable}max-file cannot be less than 1`],
  ["local", { compress: "x" }, `${unusable}strconv.ParseBool: parsing "x": invalid syntax`],
  ["json-file", { compress: "true" }, `${unusable}compress cannot be true when max-file is less than 2 or max-size is not set`],
  [
    "local",
    { compress: "true", "max-file": "1" },
    `${unusable}compress cannot be true when max-file is less than 2 or max-size is not set`,
  ],
  ["json-file", { "max-size": "-1" }, `${unusable}invalid size: '-1'`],
  ["json-file", { "max-size": "0" }, `${unusable}max-size must be a positive number`],
  ["local", { labels: "x" }, "unknown log opt 'labels' for log driver local"],
  ["json-file", { mode: "bogus" }, "logger: logging mode not supported: bogus"],
  ["none", { "max-buffer-size": "4m" }, "logger: max-buffer-size option is only supported with 'mode=non-blocking'"],
  ["none", { mode: "non-blocking", "max-buffer-size": "x" }, "error parsing option max-buffer-size: invalid size: 'x'"],
];
for (const [driver, options, sentence] of REFUSED)
  test(`logFileOptions() says: ${sentence}`, () => {
    const config: LogConfig = { Type: driver, Config: options };
    assert.throws(() => logFileOptions(config), { kind: "invalid", message: sentence });
  });

test("logFileOptions() reads sizes and counts", () => {
  assert.deepEqual(logFileOptions({ Type: "local", Config: { "max-size": "10k", "max-file": "3", mode: "non-blocking" } }), {
    maxBytes: 10_240,
    maxFiles: 3,
  });
});
