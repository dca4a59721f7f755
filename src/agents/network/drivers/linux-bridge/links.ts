/** Interfaces: how they should be, how `ip -j -d addr show` says they are, and the `ip -batch` lines between the two. */
import { canonicalAddress } from '#kernel/net.ts';

export interface LinkSpec {
  readonly name: string;
  /** What `ip link add` needs beyond the name, such as `type bridge stp_state 0`; null for an interface that is the host's own. */
  readonly create: string | null;
  /** What cannot be changed once made, such as `vxlan id=5 local=10.0.0.1`; null when any kind of device will do. */
  readonly detail: string | null;
  readonly master: string | null;
  readonly mtu: number;
  readonly isUp: boolean;
  /** Null for the host's own interfaces, whose alias we leave alone. */
  readonly alias: string | null;
  /** With prefix length, canonical; undefined when the addresses are not ours to look at. */
  readonly addresses?: readonly string[];
}

/** The part of iproute2's JSON that we read. */
export interface LinkJson {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address?: string;
  readonly master?: string;
  readonly ifalias?: string;
  readonly link?: string;
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: Readonly<Record<string, unknown>> };
  readonly addr_info?: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

/** Parses the output of `ip -j`; an empty output is an empty list. */
export function parseIpJson<T>(text: string): readonly T[] {
  const list: unknown = text.trim() === '' ? [] : JSON.parse(text);
  if (!Array.isArray(list)) throw new TypeError("'ip -j' did not print a list");
  return list.filter((item) => item !== null && typeof item === 'object' && Object.keys(item).length > 0) as T[];
}

/** How a link should be, in one line. Compare with {@link describeActual}. */
export function describeSpec(spec: LinkSpec): string {
  return describe(spec.name, spec.detail, spec.master, spec.mtu, spec.isUp, spec.alias, spec.addresses);
}

/** How a link is, told in the terms of its spec. */
export function describeActual(spec: LinkSpec, link: LinkJson | undefined): string {
  if (link === undefined) return `${spec.name} missing`;
  return describe(
    spec.name,
    spec.detail === null ? null : detailOf(link),
    spec.master === null && spec.alias === null ? null : (link.master ?? null),
    spec.alias === null ? spec.mtu : link.mtu,
    link.flags.includes('UP'),
    spec.alias === null ? null : (link.ifalias ?? null),
    spec.addresses === undefined ? undefined : addressesOf(link),
  );
}

function describe(
  name: string,
  detail: string | null,
  master: string | null,
  mtu: number,
  isUp: boolean,
  alias: string | null,
  addresses: readonly string[] | undefined,
): string {
  return [
    name,
    detail ?? 'any',
    `master=${master ?? '-'}`,
    `mtu=${mtu}`,
    isUp ? 'up' : 'down',
    `alias=${alias ?? '-'}`,
    ...(addresses === undefined ? [] : [`addresses=${addresses.toSorted().join(',')}`]),
  ].join(' ');
}

/** What a link is and cannot cease to be. */
export function detailOf(link: LinkJson): string {
  const data = link.linkinfo?.info_data ?? {};
  const kind = link.linkinfo?.info_kind ?? 'physical';
  if (kind === 'vxlan')
    return vxlanDetail(Number(data['id']), String(data['local'] ?? data['local6']), Number(data['port']));
  if (kind === 'vlan') return vlanDetail(Number(data['id']), link.link ?? '');
  return kind;
}

export const vxlanDetail = (vni: number, local: string, port: number): string =>
  `vxlan id=${vni} local=${local} port=${port}`;
export const vlanDetail = (id: number, parent: string): string => `vlan id=${id} parent=${parent}`;

/** Global and site addresses; link-local ones come and go by themselves. */
export function addressesOf(link: LinkJson): readonly string[] {
  return (link.addr_info ?? [])
    .filter((address) => address.scope !== 'link' || address.local.startsWith('169.254.'))
    .map((address) => `${canonicalAddress(address.local) ?? address.local}/${address.prefixlen}`);
}

/** One line of an `ip -batch` script. */
export interface IpLine {
  readonly text: string;
  /** The key of the resource that fails with it. */
  readonly owner: string;
  /** What may go wrong because somebody was faster. */
  readonly tolerate?: 'exists' | 'missing' | 'unsupported';
}

/**
 * The lines that make a link as it should be. What exists and fits is only adjusted; a device of the wrong kind, which
 * must be ours, is made anew.
 */
export function linkLines(owner: string, spec: LinkSpec, actual: LinkJson | undefined): readonly IpLine[] {
  const lines: IpLine[] = [];
  const isWrongKind =
    actual !== undefined && spec.detail !== null && spec.create !== null && detailOf(actual) !== spec.detail;
  if (isWrongKind) lines.push({ text: `link del dev ${spec.name}`, owner, tolerate: 'missing' });
  if (spec.create !== null && (actual === undefined || isWrongKind)) {
    lines.push({ text: spec.create, owner, tolerate: 'exists' });
  }
  const master = spec.master === null ? '' : ` master ${spec.master}`;
  if (spec.alias === null) lines.push({ text: `link set dev ${spec.name}${master} up`, owner });
  else {
    // No link-local address of the host in the guests' network. Refused where IPv6 is switched off, which is as good.
    if (actual === undefined || isWrongKind || actual.ifalias !== spec.alias) {
      lines.push({ text: `link set dev ${spec.name} addrgenmode none`, owner, tolerate: 'unsupported' });
    }
    lines.push({
      text: `link set dev ${spec.name} mtu ${spec.mtu}${master} alias ${spec.alias} ${spec.isUp ? 'up' : 'down'}`,
      owner,
    });
  }
  if (spec.addresses !== undefined) {
    const present = actual === undefined || isWrongKind ? [] : addressesOf(actual);
    lines.push(...addressLines(owner, spec.name, spec.addresses, present));
  }
  return lines;
}

/** The lines between the addresses that are there and those that should be; additions first, so that routes survive. */
export function addressLines(
  owner: string,
  device: string,
  wanted: readonly string[],
  present: readonly string[],
): readonly IpLine[] {
  const missing = wanted.filter((address) => !present.includes(address));
  const surplus = present.filter((address) => !wanted.includes(address));
  return [
    ...missing.map(
      (address): IpLine => ({
        text: `addr add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`,
        owner,
        tolerate: 'exists',
      }),
    ),
    ...surplus.map((address): IpLine => ({ text: `addr del ${address} dev ${device}`, owner, tolerate: 'missing' })),
  ];
}
