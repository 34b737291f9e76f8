/** What instructions, flags and directives are for: one place for hover, completion and signature help. */
import type { Keyword } from "../../../../engine/syntax/dockerfile/problems.ts";

export interface InstructionDoc {
  readonly summary: string;
  /** The forms, one a line. */
  readonly forms: readonly string[];
  /** What completion inserts, as a snippet without the name. */
  readonly snippet: string;
  readonly details?: string;
}

const reference = "https://docs.docker.com/reference/dockerfile/";

/** Where an instruction is described. */
export const instructionUrl = (keyword: Keyword): string => `${reference}#${keyword.toLowerCase()}`;

export const instructions: Readonly<Record<Keyword, InstructionDoc>> = {
  ADD: {
    summary: "Adds local or remote files and directories.",
    forms: ["ADD [flags] <source>... <destination>", 'ADD [flags] ["<source>", ... "<destination>"]'],
    snippet: "${1:source} ${2:destination}",
    details: "Local archives are unpacked, URLs and git repositories are fetched. For plain files COPY says more clearly what happens.",
  },
  ARG: {
    summary: "Declares a variable that can be given at build time.",
    forms: ["ARG <name>[=<default>]..."],
    snippet: "${1:name}",
    details:
      "`--build-arg name=value` sets it. It is not kept in the image's environment. One before the first FROM counts only for FROM lines, until a stage declares it again.",
  },
  CMD: {
    summary: "Sets the command that a container runs unless it is given another.",
    forms: ['CMD ["executable", "argument", ...]', "CMD command argument ...", 'CMD ["argument", ...] (to ENTRYPOINT)'],
    snippet: '["${1:executable}"]',
    details: "Only the last one of a stage counts.",
  },
  COPY: {
    summary: "Copies files and directories from the context, another stage or an image.",
    forms: ["COPY [flags] <source>... <destination>", 'COPY [flags] ["<source>", ... "<destination>"]'],
    snippet: "${1:source} ${2:destination}",
  },
  ENTRYPOINT: {
    summary: "Sets the executable that a container always runs; what CMD says becomes its arguments.",
    forms: ['ENTRYPOINT ["executable", "argument", ...]', "ENTRYPOINT command argument ..."],
    snippet: '["${1:executable}"]',
    details: "In the shell form the program is not process 1 and gets no signals.",
  },
  ENV: {
    summary: "Sets environment variables, for the following steps and for containers.",
    forms: ["ENV <name>=<value>..."],
    snippet: "${1:name}=${2:value}",
  },
  EXPOSE: {
    summary: "Says on which ports the container listens; publishes nothing by itself.",
    forms: ["EXPOSE <port>[/<protocol>]..."],
    snippet: "${1:port}",
  },
  FROM: {
    summary: "Begins a stage from a base image, or from an earlier stage.",
    forms: ["FROM [--platform=<platform>] <image>[:<tag>|@<digest>] [AS <name>]"],
    snippet: "${1:image}",
    details: "`scratch` is the empty image.",
  },
  HEALTHCHECK: {
    summary: "Tells how to find out whether a container still works.",
    forms: ["HEALTHCHECK [flags] CMD <command>", "HEALTHCHECK NONE"],
    snippet: "CMD ${1:command}",
  },
  LABEL: {
    summary: "Adds labels to the image.",
    forms: ["LABEL <name>=<value>..."],
    snippet: "${1:name}=${2:value}",
  },
  MAINTAINER: {
    summary: "Sets the author of the image. Deprecated: use `LABEL org.opencontainers.image.authors`.",
    forms: ["MAINTAINER <name>"],
    snippet: "${1:name}",
  },
  ONBUILD: {
    summary: "Keeps an instruction for the builds that begin from this image.",
    forms: ["ONBUILD <instruction>"],
    snippet: "${1:instruction}",
  },
  RUN: {
    summary: "Runs a command and keeps what it changes as a layer.",
    forms: ["RUN [flags] command ...", 'RUN [flags] ["executable", "argument", ...]', "RUN [flags] <<EOF"],
    snippet: "${1:command}",
  },
  SHELL: {
    summary: "Sets the shell of the shell forms that follow.",
    forms: ['SHELL ["executable", "argument", ...]'],
    snippet: '["${1:/bin/sh}", "${2:-c}"]',
  },
  STOPSIGNAL: {
    summary: "Sets the signal that asks a container to end.",
    forms: ["STOPSIGNAL <signal>"],
    snippet: "${1:SIGTERM}",
  },
  USER: {
    summary: "Sets the user, and the group, of the following steps and of containers.",
    forms: ["USER <user>[:<group>]"],
    snippet: "${1:user}",
  },
  VOLUME: {
    summary: "Makes directories volumes: what is written there is not part of the container's layer.",
    forms: ["VOLUME <path>...", 'VOLUME ["<path>", ...]'],
    snippet: "${1:path}",
  },
  WORKDIR: {
    summary: "Sets the directory of the following steps and of containers; makes it if need be.",
    forms: ["WORKDIR <path>"],
    snippet: "${1:/path}",
  },
};

/** Flags by instruction. */
export const flags: Readonly<Partial<Record<Keyword, Readonly<Record<string, string>>>>> = {
  FROM: { platform: "Platform of the image, e.g. `linux/amd64` or `$BUILDPLATFORM`." },
  RUN: {
    mount: "Mounts something for this step only: `type=bind|cache|tmpfs|secret|ssh,…`.",
    network: "Network of this step: `default`, `none` or `host`.",
    security: "`sandbox` or `insecure`.",
    device: "A device of the builder for this step.",
  },
  COPY: {
    from: "The stage, image or named context to copy from.",
    chown: "Owner of the copies: `user[:group]`. Without it they belong to root.",
    chmod: "Permissions of the copies, e.g. `755`.",
    link: "Copies into a layer of its own that does not depend on the steps before.",
    parents: "Keeps the directories of the sources.",
    exclude: "A pattern of paths that are not copied; may be given several times.",
  },
  ADD: {
    chown: "Owner of the files: `user[:group]`.",
    chmod: "Permissions of the files, e.g. `755`.",
    link: "Adds into a layer of its own that does not depend on the steps before.",
    exclude: "A pattern of paths that are not added; may be given several times.",
    checksum: "`sha256:…` of the remote file; another one fails the build.",
    "keep-git-dir": "Keeps `.git` of a git repository.",
    unpack: "Whether archives are unpacked.",
  },
  HEALTHCHECK: {
    interval: "Pause between checks, `30s` by default.",
    timeout: "A check that takes longer has failed, `30s` by default.",
    "start-period": "Failures in this time after the start do not count, `0s` by default.",
    "start-interval": "Pause between checks in the start period, `5s` by default.",
    retries: "So many failures in a row make the container unhealthy, 3 by default.",
  },
};

/** Keys of `RUN --mount`. */
export const mountKeys: Readonly<Record<string, string>> = {
  type: "`bind` (default), `cache`, `tmpfs`, `secret` or `ssh`.",
  target: "Where it is mounted.",
  source: "What is mounted, in `from`.",
  from: "Stage, image or context that `source` is in.",
  id: "Name of the cache, secret or agent.",
  sharing: "How builds share a cache: `shared`, `private` or `locked`.",
  readonly: "Nothing can be written.",
  readwrite: "Writing is possible; what is written goes.",
  required: "The build fails when the secret or agent is missing.",
  size: "Largest size of a tmpfs.",
  mode: "Permissions, octal.",
  uid: "Owner.",
  gid: "Group.",
  env: "Variable that holds the secret.",
};

/** Values of flags that have few. */
export const flagValues: Readonly<Record<string, readonly string[]>> = {
  "FROM platform": ["$BUILDPLATFORM", "$TARGETPLATFORM", "linux/amd64", "linux/arm64", "linux/arm/v7"],
  "RUN network": ["default", "none", "host"],
  "RUN security": ["sandbox", "insecure"],
  "COPY chmod": ["644", "755", "600"],
  "ADD chmod": ["644", "755", "600"],
  "HEALTHCHECK interval": ["30s", "1m", "5m"],
  "HEALTHCHECK timeout": ["3s", "10s", "30s"],
  "HEALTHCHECK start-period": ["5s", "30s", "1m"],
  "HEALTHCHECK start-interval": ["1s", "5s"],
  "HEALTHCHECK retries": ["3", "5"],
};

export const mountTypes = ["bind", "cache", "tmpfs", "secret", "ssh"];

export const signals = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGWINCH"];

export const directives: Readonly<Record<string, { readonly description: string; readonly values: readonly string[] }>> = {
  syntax: { description: "The frontend that reads the file.", values: ["docker/dockerfile:1"] },
  escape: { description: "The character that escapes, and that continues a line.", values: ["`", "\\"] },
  check: { description: "Which checks are skipped, and whether they fail the build.", values: ["skip=", "error=true", "skip=all"] },
};

/** Predefined arguments. */
export const predefined: Readonly<Record<string, string>> = {
  BUILDPLATFORM: "Platform of the machine that builds",
  BUILDOS: "Operating system of the machine that builds",
  BUILDARCH: "Architecture of the machine that builds",
  BUILDVARIANT: "Variant of the architecture of the machine that builds",
  TARGETPLATFORM: "Platform of the image",
  TARGETOS: "Operating system of the image",
  TARGETARCH: "Architecture of the image",
  TARGETVARIANT: "Variant of the architecture of the image",
  HTTP_PROXY: "Proxy for HTTP",
  HTTPS_PROXY: "Proxy for HTTPS",
  FTP_PROXY: "Proxy for FTP",
  NO_PROXY: "Hosts without a proxy",
  ALL_PROXY: "Proxy for everything",
};
