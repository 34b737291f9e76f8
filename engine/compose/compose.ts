/**
 * Compose as a library: text → project → what is there → plan with reasons → calls to any engine.
 *
 *     const { project } = await loadProject({ cwd, env });
 *     const present = await observe(client, project, { signal });
 *     const images = planImages(project, present, { services, now });   // pulled or built by the caller, then observe again
 *     const plan = planUp(project, present, { services });              // every step says why it is there
 *     await execute(client, plan, { project, present, onProgress, signal });
 *
 * A plan calls nothing; executing may be stopped at any point and planned again.
 */
export { loadProject } from "./load.ts";
export type { LoadedProject, LoadOptions } from "./load.ts";
export { ComposeError } from "./project.ts";
export type { Project } from "./project.ts";
export { observe, listContainers } from "./observe.ts";
export type { Present } from "./observe.ts";
export { selectServices } from "./order.ts";
export { planImages } from "./images.ts";
export type { ImageStep } from "./images.ts";
export { planUp } from "./plan-up.ts";
export type { UpOptions } from "./plan-up.ts";
export { planDown, planStop } from "./plan-down.ts";
export type { DownOptions } from "./plan-down.ts";
export type { Plan, Step } from "./plan.ts";
export { execute } from "./execute.ts";
export type { ExecuteOptions } from "./execute.ts";
export type { OnProgress, ProgressEvent } from "./progress.ts";
