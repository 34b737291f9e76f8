/**
 * A real Debian image of three layers for tests and benchmarks, as an OCI image layout made by umoci: debootstrap's system, a
 * layer of installed packages (file capabilities, hard links), and one that removes, replaces and adds what is difficult. More
 * than 250 MB unpacked; made once, in half a minute, and kept in the user's cache directory.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { debianTar } from "./debian.ts";
import { which } from "../../scripts/setup.mjs";

const script = `set -e
layout=$1/layout bundle=$1/bundle root=$1/bundle/rootfs
repack() { umoci repack --image "$layout:large" --refresh-bundle "$bundle"; }
umoci init --layout "$layout"
umoci new --image "$layout:large"
umoci unpack --image "$layout:large" "$bundle"
tar --xattrs --xattrs-include='*' --numeric-owner -C "$root" -xf "$2"
repack
chroot "$root" sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends iputils-ping git perl-modules-5.36 python3 libcap2-bin'
repack
cd "$root"
rm -rf usr/share/doc usr/share/man var/lib/apt/lists/*
mkdir usr/share/doc && echo new > usr/share/doc/README
ln usr/bin/git usr/bin/git-hard
truncate -s 50M opt/sparse && echo end >> opt/sparse
d=$(printf 'd%.0s' $(seq 120)) f=$(printf 'f%.0s' $(seq 200))
mkdir -p "opt/$d/$d" && touch "opt/$d/$d/$f"
setfattr -n user.comment -v 'a value' opt/sparse
mknod opt/null c 1 3 && mkfifo opt/pipe
printf x > "opt/$(printf 'n\\303\\244me\\n')"
chown 12345:54321 opt/pipe && chmod 6755 "opt/$d"
setcap cap_net_bind_service=+ep usr/bin/python3.11
repack
umoci gc --layout "$layout"
rm -rf "$bundle"`;

/** The layout, with the image under the name `large`; or a sentence saying why this machine cannot have it. */
export async function largeImage(): Promise<{ layout: string } | { missing: string }> {
  const missing = ["umoci", "setfattr", "setcap"].find((program) => !which(program));
  if (missing) return { missing: `${missing} is not installed` };
  const debian = await debianTar();
  if ("missing" in debian) return debian;
  const layout = join(dirname(debian.path), "debian-large-1");
  if (existsSync(layout)) return { layout };
  const work = mkdtempSync(join(dirname(debian.path), "tmp-"));
  try {
    execFileSync("sh", ["-c", script, "sh", work, debian.path], { stdio: ["ignore", "ignore", "inherit"] });
    renameSync(join(work, "layout"), layout);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return { layout };
}
