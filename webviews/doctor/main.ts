/** The Doctor's page: what is well and what is not, each with the command that mends it. */
import "./doctor.css";
import type { Finding, FromDoctorPage, ToDoctorPage } from "../protocol.ts";
import { button } from "../ui/controls.ts";
import { element, startPage, t } from "../ui/page.ts";

type Sections = Extract<ToDoctorPage, { type: "findings" }>["sections"];

/** For those who see them, and for those who hear them. */
const SIGNS = { good: "✔", warning: "!", bad: "✘" } as const;
const WORDS = (): Readonly<Record<Finding["kind"], string>> => ({ good: t("Fine"), warning: t("Note"), bad: t("Problem") });

startPage<ToDoctorPage, FromDoctorPage>((_state, say) => {
  const page = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("Findings") });
  const status = element("span", { class: "quiet", role: "status" }, t("Looking…"));
  let report = "";
  const toolbar = element(
    "div",
    { class: "toolbar" },
    element("h1", {}, t("Berth: Doctor")),
    status,
    element("span", { class: "grow" }),
    button(t("Check Again"), () => {
      status.textContent = t("Looking…");
      say({ type: "again" });
    }),
    button(t("Copy Report"), () => say({ type: "copy", text: report })),
  );
  document.querySelector("main")!.replaceChildren(toolbar, page);
  return (message) => {
    if (message.type === "findings") {
      page.replaceChildren(...message.sections.flatMap(({ title, findings }) => [element("h2", {}, title), list(findings, say)]));
      report = reportOf(message.sections);
      const bad = message.sections.flatMap(({ findings }) => findings).filter(({ kind }) => kind === "bad").length;
      status.textContent = bad === 0 ? t("All is well") : bad === 1 ? t("1 problem") : t("{0} problems", bad);
    } else if (message.type === "note") page.replaceChildren(element("p", { class: "error", role: "alert" }, message.text));
  };
});

function list(findings: readonly Finding[], say: (message: FromDoctorPage) => void): HTMLElement {
  return element("ul", {}, ...findings.map((finding) => row(finding, say)));
}

function row({ kind, text, advice, command }: Finding, say: (message: FromDoctorPage) => void): HTMLElement {
  const made = element(
    "li",
    { class: kind },
    element("span", { class: "sign", "aria-hidden": "true" }, SIGNS[kind]),
    element("span", { class: "hidden-words" }, `${WORDS()[kind]}: `),
    element("div", { class: "text" }, text),
  );
  if (advice) made.append(element("div", { class: "fix quiet" }, advice));
  if (command) {
    const actions = [
      button(t("Copy"), () => say({ type: "copy", text: command })),
      button(t("Open in Terminal"), () => say({ type: "terminal", text: command })),
    ];
    for (const action of actions) action.setAttribute("aria-label", `${action.textContent}: ${command}`);
    made.append(element("div", { class: "fix" }, element("pre", {}, element("code", {}, ...wordsOf(command))), ...actions));
  }
  return made;
}

/** A line of a command ends between its words, not behind the first hyphen of `--option`. */
function wordsOf(command: string): (Node | string)[] {
  return command.split(" ").flatMap((word, at) => [...(at > 0 ? [" "] : []), element("span", { class: "word" }, word)]);
}

/** For an issue or a chat: Markdown. */
function reportOf(sections: Sections): string {
  const line = ({ kind, text, advice, command }: Finding): string =>
    [`- ${SIGNS[kind]} ${text}`, ...(command ? [`  \`${command}\``] : []), ...(advice ? [`  ${advice}`] : [])].join("\n");
  return `${sections.map(({ title, findings }) => `## ${title}\n\n${findings.map(line).join("\n")}`).join("\n\n")}\n`;
}
