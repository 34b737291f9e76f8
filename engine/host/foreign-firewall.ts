/**
 * Firewalls of others on the host that drop what we forward. An accept of ours does not overrule a drop in another table, and
 * tables of others are theirs: all there is to do is to say what lets us through. iptables' own tables are not among them,
 * for there two accepting rules of ours stand first.
 */

/** A firewall that stands in the way, and the commands that open it for the interface `device`; undefined when there is none. */
export function firewallInTheWay(listing: string, device: string): { table: string; fix: string } | undefined {
  for (const { table, chain } of droppingChains(listing)) {
    // What is not permanent is lost when it is loaded anew.
    const permanent = `sudo firewall-cmd --permanent --zone=trusted --add-interface=${device}; sudo firewall-cmd --reload`;
    if (table === "inet firewalld") return { table, fix: permanent };
    const rule = (side: string): string => `sudo nft insert rule ${table} ${chain} ${side} ${device} accept`;
    return { table, fix: `${rule("iifname")}; ${rule("oifname")}` };
  }
  return undefined;
}

/** Reads `nft list chains`: base chains on the way through that drop by default, and firewalld's, which rejects at its end. */
function droppingChains(listing: string): { table: string; chain: string }[] {
  const found: { table: string; chain: string }[] = [];
  let [table, chain] = ["", ""];
  for (const line of listing.split("\n")) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table;
    chain = /^\s+chain (\S+) \{/.exec(line)?.[1] ?? chain;
    if (!/type filter hook forward/.test(line) || /^(ip|ip6) filter$/.test(table)) continue;
    if (line.includes("policy drop") || table === "inet firewalld") found.push({ table, chain });
  }
  return found;
}
