/** What ssh complains of, in words that say what to do. */
import type { SshTarget } from "./ssh.ts";

/** What ssh, or the shell on the other side, says; what that means and what helps. */
const MEANINGS: readonly (readonly [pattern: RegExp, words: (at: Words) => string])[] = [
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed/i,
    ({ host, known }) =>
      `"${host}" shows another key than before: if that is right, forget the old one by \`ssh-keygen -R "${known}"\` and log in once`,
  ],
  [
    /Host key verification failed|No \S+ host key is known/,
    ({ host, login }) => `The key of "${host}" is not known here yet: run \`${login}\` once in a terminal and accept it`,
  ],
  [
    /Permission denied/,
    ({ host, login }) =>
      `"${host}" does not let this user in without a password: run \`${login.replace(/^ssh/, "ssh-copy-id")}\` once, or \`ssh-add\` for a key with a passphrase`,
  ],
  [
    /Connection refused/,
    ({ host, port }) => `Nothing listens on port ${port} of "${host}": is its SSH server running, and is the port right?`,
  ],
  [/Could not resolve hostname/, ({ host }) => `There is no machine "${host}": check the name, or its Host in ~/.ssh/config`],
  [/Connection timed out|Operation timed out|No route to host|Network is unreachable/, ({ host }) => `"${host}" cannot be reached`],
  [/(docker|berth): (command )?not found/, ({ host }) => `"${host}" has neither docker nor berth on the PATH of programs run by ssh`],
];

interface Words {
  readonly host: string;
  readonly port: string;
  /** What a person would type. */
  readonly login: string;
  /** The name in known_hosts. */
  readonly known: string;
}

/** A sentence that says what to do; undefined for what is not known. */
export function explainComplaint({ host, user, port }: SshTarget, complaint: string): string | undefined {
  const login = ["ssh", ...(port ? ["-p", port] : []), user ? `${user}@${host}` : host].join(" ");
  const at = { host, port: port ?? "22", login, known: port ? `[${host}]:${port}` : host };
  return MEANINGS.find(([pattern]) => pattern.test(complaint))?.[1](at);
}
