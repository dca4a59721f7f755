/**
 * What is on the host and ours, told in the same words as the design.
 *
 * A resource is there when an interface's alias says so, or when the journal does: before anything is made, the
 * names that it will have are written to a file, so that what a crash left without an alias is known as well.
 * Namespaces are entered only when they may have changed: after a change of ours, or when the last look is old.
 */
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import type { Exec, ExecResult } from '#kernel/exec.ts';
import { writeFileAtomic } from '#kernel/files.ts';
import { type Design, type Observed, type ResourceKind, resourceKey, type Snapshot } from '../contract.ts';
import { type DesignContext, dnsmasqText, filtersText, forwardsText, peersText, type ResourceSpec } from './design.ts';
import { describeActual, type LinkJson, parseIpJson } from './links.ts';
import type { MetadataListeners } from './metadata.ts';
import { keyOfAlias, tableName } from './names.ts';
import { describeNamespace } from './namespace.ts';
import { type ObservedDnsmasq, observeDnsmasq } from './processes.ts';
import { readStamp, STAMP_CHAIN } from './ruleset.ts';

/** Where `ip netns` keeps its names. */
export const NETNS_DIR = '/run/netns';
/** How old the last look into an untouched namespace may be. Shorter costs a process per namespace, longer leaves drift unseen. */
const NAMESPACE_LOOK_MS = 25_000;

/** What was made, or is about to be, for one resource. */
export interface JournalEntry {
  readonly links: readonly string[];
  readonly namespace: string | null;
  readonly folder: string | null;
}

export interface Filters {
  /** The hash that the table carries, or null when it has none or is not there. */
  readonly bridge: string | null;
  readonly inet: string | null;
}

export interface HostState extends Snapshot {
  readonly links: ReadonlyMap<string, LinkJson>;
  /** `bridge fdb` destinations by device. */
  readonly peers: ReadonlyMap<string, readonly string[]>;
  /** The stamps of this cloud's tables; null when neither of the tables is there. */
  readonly filters: Filters | null;
  readonly namespaces: ReadonlyMap<string, { readonly identity: string; readonly links: readonly LinkJson[] }>;
  readonly journal: ReadonlyMap<string, JournalEntry>;
  /** By folder. */
  readonly dnsmasq: ReadonlyMap<string, ObservedDnsmasq>;
  /** What answers metadata requests, by namespace. */
  readonly listening: ReadonlyMap<string, string>;
  /** Whether bridged packets go through the `inet` tables. */
  readonly isBridgeFiltered: boolean;
  readonly isForwarding: boolean;
}

export interface Observer {
  /** Reads the host. */
  look(signal: AbortSignal): Promise<HostState>;
  /** What {@link Observer.look} saw last, if nothing was written since; otherwise looks. Whoever takes it is about to write. */
  latest(signal: AbortSignal): Promise<HostState>;
  /** Forgets what was seen in a namespace, because it is about to change. */
  forget(namespace: string): void;
}

export function createObserver(
  context: DesignContext,
  exec: Exec,
  clock: Clock,
  listeners: MetadataListeners,
): Observer {
  const seen = new Map<string, { identity: string; atMs: number; links: readonly LinkJson[] }>();

  async function lookInto(
    name: string,
    signal: AbortSignal,
  ): Promise<{ identity: string; links: readonly LinkJson[] } | undefined> {
    const identity = await identityOf(name);
    if (identity === undefined) {
      seen.delete(name);
      return undefined;
    }
    const before = seen.get(name);
    if (before?.identity === identity && clock.monotonicMs() - before.atMs < NAMESPACE_LOOK_MS) return before;
    const result = await exec.run({ argv: ['ip', '-n', name, '-j', '-d', 'addr', 'show'] }, signal);
    // A name without a namespace behind it is what a crash in the middle of `ip netns add` leaves.
    const links = result.exitCode === 0 ? parseIpJson<LinkJson>(result.stdout) : [];
    const found = { identity, atMs: clock.monotonicMs(), links };
    seen.set(name, found);
    return found;
  }

  let unspent: HostState | undefined;

  async function look(signal: AbortSignal): Promise<HostState> {
    const journal = await readJournal(context.runDir);
    const names = [...journal.values()].map((entry) => entry.namespace).filter((name) => name !== null);
    const folders = [...journal.values()].map((entry) => entry.folder).filter((folder) => folder !== null);
    const [links, filters, peers, namespaces, dnsmasq, isFiltered4, isFiltered6, isForwarding] = await Promise.all([
      exec.check({ argv: ['ip', '-j', '-d', 'addr', 'show'] }, signal).then((text) => parseIpJson<LinkJson>(text)),
      lookAtFilters(exec, tableName(context.cloudId), signal),
      context.tunnelAddress === null ? new Map<string, readonly string[]>() : lookAtPeers(exec, signal),
      Promise.all(names.map(async (name) => [name, await lookInto(name, signal)] as const)),
      Promise.all(folders.map(async (folder) => [folder, await observeDnsmasq(folder)] as const)).then(
        (all) => new Map(all),
      ),
      readSwitch('/proc/sys/net/bridge/bridge-nf-call-iptables'),
      readSwitch('/proc/sys/net/bridge/bridge-nf-call-ip6tables'),
      readSwitch('/proc/sys/net/ipv4/ip_forward'),
    ]);
    const present = new Map(
      namespaces.filter((entry): entry is [string, NonNullable<(typeof entry)[1]>] => entry[1] !== undefined),
    );
    unspent = {
      takenBy: 'linux-bridge',
      links: new Map(links.map((link) => [link.ifname, link])),
      filters,
      peers,
      journal,
      namespaces: present,
      dnsmasq,
      listening: listeners.observe((name) => present.get(name)?.identity),
      isBridgeFiltered: isFiltered4 && isFiltered6,
      isForwarding,
    };
    return unspent;
  }

  return {
    look,
    async latest(signal) {
      const state = unspent ?? (await look(signal));
      unspent = undefined;
      return state;
    },
    forget: (namespace) => void seen.delete(namespace),
  };
}

/** Pure: tells the state in the words of a design, and what is there besides. */
export function describeHost(cloudId: string, state: HostState, design: Design): Observed {
  const owners = new Map<string, LinkJson[]>();
  for (const link of state.links.values()) {
    const key = keyOfAlias(cloudId, link.ifalias);
    if (key !== undefined) owners.set(key, [...(owners.get(key) ?? []), link]);
  }
  const texts = new Map<string, string>();
  for (const key of new Set([...owners.keys(), ...state.journal.keys()])) {
    const spec = design.resources.get(key)?.spec as ResourceSpec | undefined;
    texts.set(key, describeResource(state, key, spec, owners.get(key) ?? []));
  }
  for (const [namespace, text] of state.listening) texts.set(resourceKey('metadata', namespace), text);
  const { filters } = state;
  if (filters !== null) {
    texts.set(resourceKey('firewall', ''), filtersText(filters.bridge, filters.inet, state.isBridgeFiltered));
  }
  return new Map(
    [...texts].map(([key, fingerprint]) => {
      const kind = key.slice(0, key.indexOf(':')) as ResourceKind;
      return [key, { key, kind, id: key.slice(kind.length + 1), fingerprint }];
    }),
  );
}

function describeResource(
  state: HostState,
  key: string,
  spec: ResourceSpec | undefined,
  links: readonly LinkJson[],
): string {
  if (spec === undefined) return `not wanted: ${links.map((link) => link.ifname).join(', ')}`;
  const wanted = new Set(spec.links.map((link) => link.name));
  const entry = state.journal.get(key);
  const { namespace, dnsmasq } = spec;
  const inside = namespace === undefined ? undefined : state.namespaces.get(namespace.name);
  const lines = [
    ...spec.links.map((link) => describeActual(link, state.links.get(link.name))),
    ...links.filter((link) => !wanted.has(link.ifname)).map((link) => `${link.ifname} not wanted`),
    ...(spec.peers === undefined ? [] : [peersText(state.peers.get(spec.peers.device) ?? [])]),
    ...(namespace === undefined ? [] : [describeNamespace(namespace.name, inside?.links)]),
  ];
  const folder = entry?.folder ?? dnsmasq?.folder ?? null;
  if (folder !== null) {
    const { running, files } = state.dnsmasq.get(folder) ?? { running: undefined, files: 'not running' };
    const isInside = running !== undefined && running.namespace === inside?.identity;
    if (dnsmasq !== undefined) lines.push(dnsmasqText(isInside ? running.configFile : 'none', files));
    else lines.push(`dnsmasq not wanted in ${folder}`);
  }
  if (spec.forwards === true) lines.push(forwardsText(state.isForwarding));
  return lines.join('\n');
}

/** Keeps what a resource will be called before it is made. */
export async function writeJournal(runDir: string, key: string, entry: JournalEntry): Promise<void> {
  await writeFileAtomic(journalFile(runDir, key), JSON.stringify(entry));
}

export async function removeJournal(runDir: string, key: string): Promise<void> {
  await rm(journalFile(runDir, key), { force: true });
}

async function readJournal(runDir: string): Promise<ReadonlyMap<string, JournalEntry>> {
  const folder = join(runDir, 'journal');
  await mkdir(folder, { recursive: true });
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  const entries = await Promise.all(names.map((name) => readEntry(join(folder, name), name)));
  return new Map(entries.filter((entry) => entry !== undefined));
}

/** Undefined when a removal that is under way was faster. */
async function readEntry(path: string, name: string): Promise<readonly [string, JournalEntry] | undefined> {
  try {
    const entry = JSON.parse(await readFile(path, 'utf8')) as JournalEntry;
    return [decodeURIComponent(name.slice(0, -'.json'.length)), entry];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function journalFile(runDir: string, key: string): string {
  return join(runDir, 'journal', `${encodeURIComponent(key)}.json`);
}

async function lookAtPeers(exec: Exec, signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>> {
  const text = await exec.check({ argv: ['bridge', '-j', 'fdb', 'show'] }, signal);
  const peers = new Map<string, string[]>();
  for (const entry of parseIpJson<{ mac?: string; ifname?: string; dst?: string }>(text)) {
    if (entry.mac !== '00:00:00:00:00:00' || entry.ifname === undefined || entry.dst === undefined) continue;
    peers.set(entry.ifname, [...(peers.get(entry.ifname) ?? []), entry.dst]);
  }
  return peers;
}

/**
 * Two small questions: nft answers those about one chain at once, while `list tables` makes it read all that the kernel has,
 * and is asked only when something is missing.
 */
async function lookAtFilters(exec: Exec, table: string, signal: AbortSignal): Promise<Filters | null> {
  const ask = (family: string): Promise<ExecResult> =>
    exec.run({ argv: ['nft', 'list', 'chain', family, table, STAMP_CHAIN] }, signal);
  const [bridge, inet] = await Promise.all([ask('bridge'), ask('inet')]);
  if (bridge.exitCode !== 0 && inet.exitCode !== 0) {
    const text = await exec.check({ argv: ['nft', 'list', 'tables'] }, signal);
    const isThere = text.split('\n').some((line) => line === `table bridge ${table}` || line === `table inet ${table}`);
    return isThere ? { bridge: null, inet: null } : null;
  }
  return { bridge: readStamp(bridge.stdout), inet: readStamp(inet.stdout) };
}

async function identityOf(namespace: string): Promise<string | undefined> {
  try {
    return `net:[${(await stat(join(NETNS_DIR, namespace))).ino}]`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readSwitch(file: string): Promise<boolean> {
  try {
    return (await readFile(file, 'utf8')).trim() !== '0';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
