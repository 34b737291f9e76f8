/** A folder as somebody else might send it: it has settings that would run programs of its own, and files that would be built and run. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Name of the file, in the folder, that whatever is run of it leaves behind. */
export const TRACE = "was-here";

/** Writes the folder, which opens untrusted. */
export function writeHostileFolder(folder: string): void {
  const trace = join(folder, TRACE);
  const program = join(folder, "program");
  const settings = {
    "berth.endpoint": `unix://${join(folder, "hostile.sock")}`,
    "berth.engine.root": join(folder, "engine"),
    "berth.engine.nodePath": program,
    "berth.terminal.path": false,
    "berth.terminal.dockerHost": true,
    "berth.customCommands": [{ label: "Hostile", on: "container", command: `touch ${trace}` }],
    // Looks of the views run nothing.
    "berth.containers.groupBy": "image",
  };
  const tasks = [
    { type: "berth-build", dockerfile: "Dockerfile", label: "hostile build" },
    { type: "berth-compose", command: "up --detach", file: "compose.yaml", label: "hostile up" },
  ];
  const files: Readonly<Record<string, string>> = {
    Dockerfile: `FROM busybox\nRUN true\n`,
    "compose.yaml": `name: hostile\nservices: { bad: { image: busybox, command: touch /out/${TRACE}, volumes: ["${folder}:/out"] } }\n`,
    ".vscode/settings.json": JSON.stringify(settings),
    ".vscode/tasks.json": JSON.stringify({ version: "2.0.0", tasks }),
  };
  mkdirSync(join(folder, ".vscode"), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(program, `#!/bin/sh\ntouch ${trace}\n`, { mode: 0o755 });
}
