/**
 * What the engine's side says of this machine and of ssh, in the editor's language. It has no translations of its own, so its sentences
 * are known here; one that is not stays as it is.
 */
import { t } from "../language/server/words.ts";

interface Sentence {
  readonly english: string;
  readonly pattern: RegExp;
}

/** Collected for translation as what is given to `t`. Each `{0}` stands for whatever is there, without a line's end. */
function sentence(english: string): Sentence {
  const literal = english.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`).replaceAll(/\{\d\}/g, "(.*)");
  return { english, pattern: new RegExp(`^${literal}$`) };
}

const SENTENCES: readonly Sentence[] = [
  sentence("error during connect: {0}"),
  sentence("Cannot connect to the Docker daemon at {0}. Is the docker daemon running?"),
  sentence("The container engine runs on Linux only"),
  sentence("Use WSL, a remote window, or another Docker endpoint"),
  sentence('Cannot write to the engine\'s folder "{0}" ({1})'),
  sentence("Make it writable for you, or choose another folder with --root"),
  sentence("Install {0} with your distribution's package manager"),
  sentence("The programs unshare, nsenter and flock are needed"),
  sentence("No OCI runtime found: crun (or runc) starts the containers"),
  sentence("Neither slirp4netns nor pasta found: one of them connects containers to the network"),
  sentence("The programs newuidmap and newgidmap are needed to run containers without root"),
  sentence("User namespaces are switched off ({0} is 0)"),
  sentence("AppArmor keeps programs without a profile from using user namespaces ({0} is 1)"),
  sentence("No range of 65536 subordinate ids for {0} in /etc/subuid and /etc/subgid"),
  sentence("/dev/net/tun does not exist"),
  sentence("/dev/net/tun cannot be opened by this user"),
  sentence('"{0}" shows another key than before: if that is right, forget the old one by `ssh-keygen -R "{1}"` and log in once'),
  sentence('The key of "{0}" is not known here yet: run `{1}` once in a terminal and accept it'),
  sentence('"{0}" does not let this user in without a password: run `{1}` once, or `ssh-add` for a key with a passphrase'),
  sentence('Nothing listens on port {0} of "{1}": is its SSH server running, and is the port right?'),
  sentence('There is no machine "{0}": check the name, or its Host in ~/.ssh/config'),
  sentence('"{0}" cannot be reached'),
  sentence('"{0}" has neither docker nor berth on the PATH of programs run by ssh'),
];

/** Each line that is known, in the editor's language. */
export function inEditorsWords(text: string): string {
  return text.split("\n").map(translated).join("\n");
}

/** Whether there is a translation to be had for it. */
export const isKnown = (line: string): boolean => SENTENCES.some(({ pattern }) => pattern.test(line));

function translated(line: string): string {
  for (const { english, pattern } of SENTENCES) {
    const found = pattern.exec(line);
    if (found) return t(english, ...found.slice(1).map(translated));
  }
  return line;
}
