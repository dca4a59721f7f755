/** What this host's kernel can do, found by doing it. */
import { stat } from 'node:fs/promises';
import type { Exec } from '#kernel/exec.ts';
import { type LinkJson, parseIpJson } from './links.ts';
import { shortHash } from './names.ts';

export interface HostAbilities {
  readonly hasVlan: boolean;
  readonly hasVxlan: boolean;
  /** Bridges that were there before; a physical network may be mapped to one. */
  readonly bridges: ReadonlySet<string>;
}

/** Makes a bridge, a VLAN and a VXLAN device and removes them again; loads `br_netfilter` where it is a module. */
export async function probeHost(exec: Exec, cloudId: string): Promise<HostAbilities> {
  const tag = shortHash(`${cloudId} ${process.pid}`, 6);
  const [bridge, vlan, vxlan] = [`plb${tag}`, `plv${tag}`, `plx${tag}`];
  await ensureBridgeFilter(exec);
  const script = [
    `link add dev ${bridge} type bridge`,
    `link add link ${bridge} name ${vlan} type vlan id 2`,
    `link add dev ${vxlan} type vxlan id 16777215 local 127.0.0.1 dstport 0`,
    'link show',
    `link del dev ${vxlan}`,
    `link del dev ${vlan}`,
    `link del dev ${bridge}`,
  ];
  const result = await exec.run({ argv: ['ip', '-j', '-d', '-force', '-batch', '-'], stdin: `${script.join('\n')}\n` });
  const links = parseIpJson<LinkJson>(result.stdout.slice(result.stdout.indexOf('[')));
  const names = new Set(links.map((link) => link.ifname));
  const bridges = links.filter((link) => link.linkinfo?.info_kind === 'bridge').map((link) => link.ifname);
  return {
    hasVlan: names.has(vlan),
    hasVxlan: names.has(vxlan),
    bridges: new Set(bridges.filter((name) => name !== bridge)),
  };
}

async function ensureBridgeFilter(exec: Exec): Promise<void> {
  try {
    await stat('/proc/sys/net/bridge');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await exec.check({ argv: ['modprobe', 'br_netfilter'] });
  }
}
