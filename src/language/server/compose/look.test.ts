/** What an engine has of the services of open files, when it answers slowly. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ContainerSummary } from "../../../../engine/api/types/container.ts";
import type { EngineLink } from "../engine-link.ts";
import type { OpenDocument } from "../feature.ts";
import type { ImageNames } from "../image-names.ts";
import { ComposeLanguage } from "./language.ts";

const running = {
  Names: ["/shop-web-1"],
  State: "running",
  Status: "Up",
  Labels: { "com.docker.compose.project": "shop", "com.docker.compose.service": "web" },
} as unknown as ContainerSummary;

test("the last look counts, and what is opened meanwhile is looked at, too", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-look-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const open = (name: string): OpenDocument => {
    const path = join(folder, name);
    const text = "name: shop\nservices:\n  web:\n    image: x\n";
    writeFileSync(path, text);
    return { uri: `file://${path}`, path, text, version: 1 };
  };
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asked: ((containers: ContainerSummary[]) => void)[] = [];
  let onAsked = (): void => {};
  let onChanged = (): void => {};
  const list = (): Promise<ContainerSummary[]> =>
    new Promise((resolve) => {
      asked.push(resolve);
      onAsked();
    });
  const none = async (): Promise<[]> => [];
  const client = {
    containers: { list },
    networks: { list: none },
    volumes: { list: none },
    images: { inspect: async () => ({ Id: "x" }) },
  };
  const [first, second] = [open("compose.yaml"), open("other.yaml")];
  const documents = [first];
  const language = new ComposeLanguage({
    engine: { client, signal: new AbortController().signal } as unknown as EngineLink,
    names: {} as ImageNames,
    opened: () => undefined,
    documents: () => [...documents],
    changed: () => onChanged(),
  });
  const look = (): void => {
    language.lookSoon();
    t.mock.timers.tick(1000);
  };
  const question = (): Promise<void> => new Promise((resolve) => (onAsked = resolve));
  const changed = (): Promise<void> => new Promise((resolve) => (onChanged = resolve));

  let next = question();
  look();
  await next;
  documents.push(second);
  look();
  assert.equal(asked.length, 1);
  next = question();
  let shown = changed();
  asked[0]!([]);
  await shown;
  t.mock.timers.tick(1000);
  await next;
  next = question();
  shown = changed();
  asked[1]!([running]);
  await next;
  asked[2]!([running]);
  await shown;
  for (const document of [first, second]) {
    const [hint] = (await language.inlays(document)) ?? [];
    assert.match(String(hint?.label), /^running 1\/1/, document.path);
  }
});
