/**
 * A build's progress on the screen, for commands that build on the way to something else.
 */
import type { JsonMessage } from "../api/types/image.ts";
import { BuildReader } from "./build-events.ts";
import type { BuildEvent } from "./build-events.ts";
import { PlainScreen } from "./build-plain.ts";
import type { BuildScreen } from "./build-plain.ts";
import type { Cli } from "./cli.ts";

export type BuildMode = "plain" | "tty" | "quiet-build";

/** Draws a build; whoever opened the screen closes it. @returns the image's id @throws {StreamError} when it fails */
export async function showBuild(cli: Cli, messages: AsyncIterable<JsonMessage>, screen: Pick<BuildScreen, "show">): Promise<string> {
  const reader = new BuildReader(cli.now);
  try {
    for await (const message of messages) for (const event of reader.read(message)) screen.show(event);
    for (const event of reader.end()) screen.show(event);
  } catch (error) {
    for (const event of reader.end(error instanceof Error ? error.message : String(error))) screen.show(event);
    throw error;
  }
  return reader.imageId;
}

/** A screen for builds of commands that also do something else. */
export async function openBuildScreen(cli: Cli, mode: BuildMode): Promise<BuildScreen> {
  if (mode === "quiet-build") return { show() {}, close() {} };
  if (mode === "plain") return new PlainScreen(cli.stderr, cli.now);
  const { TerminalScreen } = await import("./build-terminal.ts");
  return new TerminalScreen(cli.stderr, cli.now);
}

/** One build's part of a screen that several share: its steps carry its name, as bake's do (`[api 2/3] RUN …`). */
export function screenOf(screen: BuildScreen, build: string): Pick<BuildScreen, "show"> {
  return {
    show(event: BuildEvent) {
      if (event.type === "plan" || event.type === "image") return;
      if (event.type === "warning") return screen.show(event);
      const step = `${build}/${event.step}`;
      if (event.type !== "start") return screen.show({ ...event, step });
      const name = event.name.startsWith("[") ? `[${build} ${event.name.slice(1)}` : `[${build}] ${event.name}`;
      screen.show({ ...event, step, name });
    },
  };
}
