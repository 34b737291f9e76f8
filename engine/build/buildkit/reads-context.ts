import type { Images } from "../../images/images.ts";
import { parseDockerfile } from "../../syntax/dockerfile/parse.ts";

/** Whether a build can need files of its context; a base that is not here yet may bring triggers that copy. @param dockerfile its text */
export async function readsContext(dockerfile: string, images: Images): Promise<boolean> {
  const { stages } = parseDockerfile(dockerfile);
  const names = new Set(stages.map(({ name }) => name));
  for (const [index, { from, instructions }] of stages.entries()) {
    if (instructions.some((each) => /^\s*(?:copy|add|onbuild)\s|--mount=(?!type=(?:secret|ssh|cache|tmpfs)\b)/i.test(each.original)))
      return true;
    const base = from.image.text;
    if (base === "scratch" || (index > 0 && names.has(base))) continue;
    const image = await images.find(base).catch(() => undefined);
    if (!image || (image.config.config?.OnBuild ?? []).length > 0) return true;
  }
  return false;
}
