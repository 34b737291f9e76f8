/**
 * A build's progress on the screen, for commands that build on the way to something else.
 */
import type { JsonMessage } from "../api/types/image.ts";
import { BuildReader } from "./build-events.ts";
import { PlainScreen } from "./build-plain.ts";
import type { BuildScreen } from "./build-plain.ts";
import type { Cli } from "./cli.ts";

/** Draws a build. @returns the image's id @throws {StreamError} when it fails */
export async function showBuild(
  cli: Cli,
  messages: AsyncIterable<JsonMessage>,
  options: { mode: "plain" | "tty" | "quiet-build"; title: string },
): Promise<string> {
  const reader = new BuildReader(cli.now);
  const screen = await openScreen(cli, options.mode);
  try {
    for await (const message of messages) for (const event of reader.read(message)) screen.show(event);
    for (const event of reader.end()) screen.show(event);
  } catch (error) {
    for (const event of reader.end(error instanceof Error ? error.message : String(error))) screen.show(event);
    throw error;
  } finally {
    screen.close();
  }
  return reader.imageId;
}

async function openScreen(cli: Cli, mode: "plain" | "tty" | "quiet-build"): Promise<BuildScreen> {
  if (mode === "quiet-build") return { show() {}, close() {} };
  if (mode === "plain") return new PlainScreen(cli.stderr, cli.now);
  const { TerminalScreen } = await import("./build-terminal.ts");
  return new TerminalScreen(cli.stderr, cli.now);
}
