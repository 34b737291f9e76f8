/** `manifest create|annotate|push|rm`: lists for several platforms, begun on this machine and pushed when they are ready. */
import { command } from "../cli.ts";
import { credentialsFor } from "../credentials.ts";
import { bool, strings, text } from "../flags.ts";
import { asker, describe, printedList } from "./manifest.ts";
import { canonical, ManifestStore, named, repository } from "./manifest-store.ts";

/** @see https://github.com/docker/cli/blob/v28.5.2/cli/command/manifest/util.go */
const PLATFORMS: Readonly<Record<string, string>> = {
  darwin: "386 amd64 arm arm64",
  dragonfly: "amd64",
  freebsd: "386 amd64 arm",
  linux: "386 amd64 arm arm64 loong64 mips64 mips64le ppc64le riscv64 s390x",
  netbsd: "386 amd64 arm",
  openbsd: "386 amd64 arm",
  plan9: "386 amd64",
  solaris: "amd64",
  windows: "386 amd64 arm arm64",
};

export const manifestCreate = command({
  usage: "MANIFEST_LIST MANIFEST [MANIFEST...]",
  about: "Create a local manifest list for annotating and pushing to a registry",
  arity: [2, Infinity],
  flags: {
    amend: bool("Amend an existing manifest list", { short: "a" }),
    insecure: bool("Allow communication with an insecure registry"),
  },
  async run(cli, { args: [list = "", ...manifests], flags }) {
    const target = targetOf(list);
    const store = new ManifestStore(cli);
    if (!flags.amend && (await store.list(list))) throw new Error("refusing to amend an existing manifest list with no --amend flag");
    for (const name of manifests) {
      if (await store.get(list, name)) continue;
      const found = await (await asker(cli, name, flags.insecure))(name);
      if (!found.platform) throw new Error(`${canonical(name)} is a manifest list`);
      await store.save(list, name, describe(canonical(name), found, found.platform));
    }
    cli.print(`Created manifest list ${target}`);
  },
});

function targetOf(list: string): string {
  try {
    return canonical(list);
  } catch (error) {
    throw new Error(`error parsing name for manifest list ${list}: ${(error as Error).message}`, { cause: error });
  }
}

export const manifestAnnotate = command({
  usage: "[OPTIONS] MANIFEST_LIST MANIFEST",
  about: "Add additional information to a local image manifest",
  arity: [2, 2],
  flags: {
    arch: text("Set architecture"),
    os: text("Set operating system"),
    "os-features": strings("Set operating system feature"),
    "os-version": text("Set operating system version"),
    variant: text("Set architecture variant"),
  },
  async run(cli, { args: [list = "", name = ""], flags }) {
    targetOf(list);
    const store = new ManifestStore(cli);
    const stored = await store.get(list, name);
    if (!stored) throw new Error(`manifest for image ${name} does not exist in ${list}`);
    const { architecture, os, variant, ...old } = stored.Descriptor.platform;
    const version = flags["os-version"] || old["os.version"];
    const features = [...new Set([...(old["os.features"] ?? []), ...flags["os-features"]])];
    const chosen = flags.variant || variant;
    const platform = {
      architecture: flags.arch || architecture,
      os: flags.os || os,
      ...(version && { "os.version": version }),
      ...(features.length > 0 && { "os.features": features }),
      ...(chosen && { variant: chosen }),
    };
    if (!PLATFORMS[platform.os]?.split(" ").includes(platform.architecture))
      throw new Error(`manifest entry for image has unsupported os/arch combination: ${flags.os}/${flags.arch}`);
    await store.save(list, name, { ...stored, Descriptor: { ...stored.Descriptor, platform } });
  },
});

export const manifestPush = command({
  usage: "[OPTIONS] MANIFEST_LIST",
  about: "Push a manifest list to a repository",
  arity: [1, 1],
  flags: {
    insecure: bool("Allow push to an insecure registry"),
    purge: bool("Remove the local manifest list after push", { short: "p" }),
  },
  async run(cli, { args: [list = ""], flags: { insecure, purge } }) {
    const { domain } = named(list);
    const store = new ManifestStore(cli);
    const manifests = await store.list(list);
    if (!manifests) throw new Error(`No such manifest: ${canonical(list)}`);
    for (const { Ref } of manifests)
      if (named(Ref).domain !== domain)
        throw new Error(`cannot use source images from a different registry than the target image: ${named(Ref).domain} != ${domain}`);
    const client = await cli.client();
    const auth = await credentialsFor(cli, domain);
    const options = { insecure, ...(auth && { auth }), signal: cli.signal };
    for (const { Ref, Raw } of manifests.filter((each) => repository(each.Ref) !== repository(list))) {
      const from = repository(Ref);
      const { digest } = await client.images.putRemoteManifest(repository(list), Buffer.from(Raw, "base64"), { ...options, from });
      cli.print(`Pushed ref ${repository(list)}@${digest} with digest: ${digest}`);
    }
    const { digest } = await client.images.putRemoteManifest(canonical(list), Buffer.from(printedList(manifests)), options);
    cli.print(digest);
    if (purge) await store.remove(list);
  },
});

export const manifestRm = command({
  usage: "MANIFEST_LIST [MANIFEST_LIST...]",
  about: "Delete one or more manifest lists from local storage",
  arity: [1, Infinity],
  flags: {},
  async run(cli, { args }) {
    const store = new ManifestStore(cli);
    const problems: string[] = [];
    for (const list of args)
      if (await store.list(list)) await store.remove(list);
      else problems.push(`No such manifest: ${canonical(list)}`);
    if (problems.length > 0) throw new Error(problems.join("\n"));
  },
});
