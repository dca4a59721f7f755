/** Carries changes out on the host; see the theory of operation in `index.ts`. */
import { join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';

import type { Exec } from '#kernel/exec.ts';
import type { Log } from '#kernel/log.ts';
import { type Change, NetworkError } from '../contract.ts';
import { runIpBatch, runNft, scriptText } from './batch.ts';
import type { DesignContext, ResourceSpec } from './design.ts';
import { type Firewall, renderFirewall } from './firewall.ts';
import { type IpLine, type LinkJson, linkLines, parseIpJson } from './links.ts';
import type { MetadataListeners } from './metadata.ts';
import { aliasOf, keyOfAlias, tableName } from './names.ts';
import {
  describeNamespace,
  describeNamespaceSpec,
  type NamespaceSpec,
  namespaceLines,
  type RouteJson,
  stampOf,
} from './namespace.ts';
import { type HostState, NETNS_DIR, type Observer, removeJournal, writeJournal } from './observation.ts';
import { ensureDnsmasq, expectNewInterface, namespaceOf, removeDnsmasq } from './processes.ts';
import { differenceScript, wholeScript } from './ruleset.ts';

/** Namespaces that are set up side by side. Each is a handful of short processes. */
const PARALLEL_NAMESPACES = 4;

export interface HostWriter {
  /** @returns what failed. */
  write(changes: readonly Change[], signal: AbortSignal): Promise<ReadonlyMap<Change, unknown>>;
}

interface Parts {
  readonly context: DesignContext;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
  readonly listeners: MetadataListeners;
  readonly observer: Observer;
}

/** One change on its way. */
interface Job {
  readonly change: Change;
  readonly key: string;
  readonly spec: ResourceSpec;
}

const NOTHING: ResourceSpec = { links: [] };

export function createHostWriter(parts: Parts): HostWriter {
  const { context, exec, clock, log, listeners, observer } = parts;
  /** The filters in force, as far as this process knows, and whom they leave out of what was designed. */
  let inForce: { readonly rendered: Firewall; readonly excluded: ReadonlySet<string> } | undefined;

  async function write(changes: readonly Change[], signal: AbortSignal): Promise<ReadonlyMap<Change, unknown>> {
    const failures = new Map<string, unknown>();
    const fail = (key: string, error: unknown): void => {
      if (!failures.has(key)) failures.set(key, error);
    };
    const jobs = changes.map((change): Job => {
      const spec =
        change.action === 'ensure' ? ((change.resource as { spec?: unknown }).spec as ResourceSpec) : NOTHING;
      return { change, key: change.resource.key, spec };
    });
    const removals = jobs.filter((job) => job.change.action === 'remove');
    const additions = jobs.filter((job) => job.change.action === 'ensure');
    let state = await observer.latest(signal);
    if (removals.length > 0) {
      await removeAll(removals, state, fail, signal);
      if (additions.length > 0) state = await observer.look(signal);
    }
    await applyFirewall(additions, state, fail, signal);
    const alive = (): readonly Job[] => additions.filter((job) => !failures.has(job.key));
    for (const job of alive()) {
      const foreign = foreignLink(context.cloudId, job, state);
      if (foreign !== undefined) fail(job.key, foreign);
    }
    await writeJournals(alive(), state);
    await addLinks(alive(), state, fail, signal);
    await inParallel(
      alive().filter((job) => job.spec.namespace !== undefined),
      (job) => fillNamespace(job, state, signal),
      fail,
    );
    for (const job of alive()) if (job.spec.metadata !== undefined) await listen(job, fail);
    return new Map(jobs.filter((job) => failures.has(job.key)).map((job) => [job.change, failures.get(job.key)]));
  }

  async function removeAll(
    jobs: readonly Job[],
    state: HostState,
    fail: (key: string, error: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const lines: IpLine[] = [];
    for (const job of jobs) {
      const { key } = job;
      if (job.change.resource.kind === 'metadata') await listeners.remove(job.change.resource.id);
      const entry = state.journal.get(key);
      try {
        if (entry?.folder != null) await removeDnsmasq(clock, entry.folder);
        if (entry?.namespace != null) await listeners.remove(entry.namespace);
      } catch (error) {
        fail(key, error);
      }
      lines.push(...removalLines(context.cloudId, key, state));
      if (entry?.namespace != null) {
        observer.forget(entry.namespace);
        lines.push({ text: `netns del ${entry.namespace}`, owner: key, tolerate: 'missing' });
      }
    }
    const failed = new Set<string>();
    const note = (key: string, error: unknown): void => {
      failed.add(key);
      fail(key, error);
    };
    for (const [key, error] of await runIpBatch(exec, 'ip', lines, null, signal)) note(key, error);
    for (const job of jobs) {
      if (job.change.resource.kind === 'firewall') await removeFirewall(job, note, signal);
      if (!failed.has(job.key)) await removeJournal(context.runDir, job.key);
    }
  }

  async function removeFirewall(
    job: Job,
    fail: (key: string, error: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    inForce = undefined;
    try {
      const name = tableName(context.cloudId);
      const lines = ['bridge', 'inet'].flatMap((family) => [
        { text: `table ${family} ${name}` },
        { text: `delete table ${family} ${name}` },
      ]);
      await runNft(exec, () => lines, null, signal);
    } catch (error) {
      fail(job.key, error);
    }
  }

  /** Replaces all filters when they are to change, and holds back the ports that the filters do not cover. */
  async function applyFirewall(
    jobs: readonly Job[],
    state: HostState,
    fail: (key: string, error: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const job = jobs.find((candidate) => candidate.spec.firewall !== undefined);
    if (job?.spec.firewall !== undefined) {
      const { input, rendered } = job.spec.firewall;
      try {
        const excluded = await replaceFirewall(input, rendered, state, signal);
        inForce = { rendered, excluded };
        if (excluded.size > 0) {
          fail(job.key, new NetworkError('network.rule.refused', `The kernel refused ${[...excluded].join(', ')}.`));
        }
      } catch (error) {
        fail(job.key, error);
      }
    }
    const seen = state.filters?.bridge === state.filters?.inet ? state.filters?.inet : undefined;
    for (const port of jobs) {
      const { guardedBy } = port.spec;
      if (guardedBy === undefined) continue;
      const isCovered = inForce === undefined ? seen === guardedBy : inForce.rendered.hash === guardedBy;
      if (!isCovered) fail(port.key, new NetworkError('network.firewall.pending', 'Its filters are not in force yet.'));
    }
  }

  async function replaceFirewall(
    input: Parameters<typeof renderFirewall>[0],
    rendered: Firewall,
    state: HostState,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    if (!state.isBridgeFiltered) {
      const switches = ['net.bridge.bridge-nf-call-iptables=1', 'net.bridge.bridge-nf-call-ip6tables=1'];
      await exec.check({ argv: ['sysctl', '-qw', ...switches] }, signal);
    }
    const before = inForce;
    inForce = undefined;
    const stamps = [state.filters?.bridge, state.filters?.inet];
    // What this process wrote last is still there, so the difference will do.
    if (before?.excluded.size === 0 && stamps.every((stamp) => stamp === before.rendered.hash)) {
      const lines = differenceScript(before.rendered.tables, rendered.tables, rendered.hash);
      const result = await exec.run({ argv: ['nft', '-f', '-'], stdin: scriptText(lines) }, signal);
      if (result.exitCode === 0) return new Set();
      log.warn({ error: result.stderr.slice(0, 500) }, 'filters could not be changed in part, will be replaced');
    }
    return runNft(
      exec,
      (excluded) => {
        const part = excluded.size === 0 ? rendered : renderFirewall({ ...input, excluded });
        return wholeScript(part.tables, part.hash);
      },
      null,
      signal,
    );
  }

  async function writeJournals(jobs: readonly Job[], state: HostState): Promise<void> {
    for (const { key, spec } of jobs) {
      const links = spec.links.filter((link) => link.create !== null).map((link) => link.name);
      const entry = { links, namespace: spec.namespace?.name ?? null, folder: spec.dnsmasq?.folder ?? null };
      const before = state.journal.get(key);
      if (links.length === 0 && entry.namespace === null) continue;
      if (JSON.stringify(before) === JSON.stringify(entry)) continue;
      // What the entry before named and this one does not is still ours until it has gone.
      const kept = [...new Set([...(before?.links ?? []), ...links])].filter(
        (name) => links.includes(name) || state.links.has(name),
      );
      if (before?.folder != null && entry.folder === null) await removeDnsmasq(clock, before.folder);
      await writeJournal(context.runDir, key, { ...entry, links: kept });
    }
  }

  async function addLinks(
    jobs: readonly Job[],
    state: HostState,
    fail: (key: string, error: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const lines: IpLine[] = [];
    const peerLines: IpLine[] = [];
    for (const job of inOrder(jobs)) {
      lines.push(...netnsLines(job, state));
      for (const name of surplusLinks(context.cloudId, job, state)) {
        lines.push({ text: `link del dev ${name}`, owner: job.key, tolerate: 'missing' });
      }
      for (const link of job.spec.links) {
        const isOrphan = isOrphaned(job.spec, link.name, state);
        if (isOrphan) lines.push({ text: `link del dev ${link.name}`, owner: job.key, tolerate: 'missing' });
        lines.push(...linkLines(job.key, link, isOrphan ? undefined : state.links.get(link.name)));
      }
      peerLines.push(...peerChanges(job, state));
      if (job.spec.forwards === true && !state.isForwarding) await enableForwarding(job, fail, signal);
    }
    for (const [key, error] of await runIpBatch(exec, 'ip', lines, null, signal)) fail(key, error);
    for (const [key, error] of await runIpBatch(exec, 'bridge', peerLines, null, signal)) fail(key, error);
  }

  async function enableForwarding(
    job: Job,
    fail: (key: string, error: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await exec.check({ argv: ['sysctl', '-qw', 'net.ipv4.ip_forward=1'] }, signal);
    } catch (error) {
      fail(job.key, error);
    }
  }

  async function fillNamespace(job: Job, state: HostState, signal: AbortSignal): Promise<void> {
    const { namespace, dnsmasq } = job.spec;
    if (namespace === undefined) return;
    const file = join(NETNS_DIR, namespace.name);
    observer.forget(namespace.name);
    if (!isNamespaceSettled(namespace, state)) {
      if (dnsmasq !== undefined) await expectNewInterface(dnsmasq.folder);
      await configureNamespace(job.key, namespace, file, state.namespaces.has(namespace.name), signal);
    }
    if (dnsmasq !== undefined) await ensureDnsmasq(exec, clock, dnsmasq, file, signal);
  }

  /** The stamp is the last thing written, so that a half-made namespace is seen as such. */
  async function configureNamespace(
    key: string,
    spec: NamespaceSpec,
    file: string,
    wasThere: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const read = async <T>(...args: readonly string[]): Promise<readonly T[]> =>
      wasThere ? parseIpJson<T>(await exec.check({ argv: ['ip', '-n', spec.name, '-j', ...args] }, signal)) : [];
    const [actual, routes4, routes6] = await Promise.all([
      read<LinkJson>('-d', 'addr', 'show'),
      spec.ownsRoutes ? read<RouteJson>('route', 'show') : [],
      spec.ownsRoutes ? read<RouteJson>('-6', 'route', 'show') : [],
    ]);
    if (spec.sysctls.length > 0) {
      await exec.check({ argv: ['nsenter', `--net=${file}`, 'sysctl', '-qw', ...spec.sysctls] }, signal);
    }
    if (spec.nft.length > 0) await runNft(exec, () => spec.nft, file, signal);
    const lines = namespaceLines(key, spec, actual, [...routes4, ...routes6]);
    for (const [, error] of await runIpBatch(exec, 'ip', lines, spec.name, signal)) throw error;
    const stamp = aliasOf(context.cloudId, stampOf(spec));
    await exec.check({ argv: ['ip', '-n', spec.name, 'link', 'set', 'dev', 'lo', 'alias', stamp] }, signal);
  }

  function isNamespaceSettled(spec: NamespaceSpec, state: HostState): boolean {
    const inside = state.namespaces.get(spec.name);
    return inside !== undefined && describeNamespace(spec.name, inside.links) === describeNamespaceSpec(spec);
  }

  async function listen(job: Job, fail: (key: string, error: unknown) => void): Promise<void> {
    const { metadata } = job.spec;
    if (metadata === undefined) return;
    const file = join(NETNS_DIR, metadata.namespace);
    try {
      const identity = await namespaceOf(file);
      if (identity === undefined)
        throw new NetworkError('network.metadata.failed', `There is no namespace ${metadata.namespace} yet.`);
      await listeners.ensure(metadata, file, identity);
    } catch (error) {
      fail(job.key, error);
    }
  }

  return { write };
}

const ORDER = ['provider', 'network', 'port', 'dhcp', 'router'];

/** Bridges before what is put into them. */
function inOrder(jobs: readonly Job[]): readonly Job[] {
  return jobs.toSorted((a, b) => ORDER.indexOf(a.change.resource.kind) - ORDER.indexOf(b.change.resource.kind));
}

/** Interfaces that carry the resource's mark, and those that the journal names and nobody else has marked. */
function removalLines(cloudId: string, key: string, state: HostState): readonly IpLine[] {
  const named = new Set(state.journal.get(key)?.links ?? []);
  return [...state.links.values()]
    .filter(
      (link) => keyOfAlias(cloudId, link.ifalias) === key || (named.has(link.ifname) && link.ifalias === undefined),
    )
    .map((link): IpLine => ({ text: `link del dev ${link.ifname}`, owner: key, tolerate: 'missing' }));
}

/** Interfaces of the resource that it should no longer have, such as a router's link to a network that it left. */
function surplusLinks(cloudId: string, job: Job, state: HostState): readonly string[] {
  const wanted = new Set(job.spec.links.map((link) => link.name));
  const named = new Set(state.journal.get(job.key)?.links ?? []);
  return [...state.links.values()]
    .filter((link) => !wanted.has(link.ifname))
    .filter(
      (link) => keyOfAlias(cloudId, link.ifalias) === job.key || (named.has(link.ifname) && link.ifalias === undefined),
    )
    .map((link) => link.ifname);
}

/** A name that we need and that somebody else's device has. */
function foreignLink(cloudId: string, job: Job, state: HostState): NetworkError | undefined {
  for (const link of job.spec.links) {
    const actual = state.links.get(link.name);
    if (link.create === null) {
      const refusal = hostInterfaceProblem(link.name, link.master, actual);
      if (refusal !== undefined) return refusal;
      continue;
    }
    if (actual === undefined || keyOfAlias(cloudId, actual.ifalias) === job.key) continue;
    // A guest's device may have been made by whoever runs the guest.
    const mayAdopt =
      job.change.resource.kind === 'port' || state.journal.get(job.key)?.links.includes(link.name) === true;
    if (actual.ifalias === undefined && mayAdopt) continue;
    const whose = actual.ifalias === undefined ? 'was there before' : `belongs to '${actual.ifalias.slice(0, 80)}'`;
    return new NetworkError('network.link.foreign', `The interface ${link.name} ${whose} and is left alone.`);
  }
  return undefined;
}

/** The host's own interfaces are put into a bridge only if that takes nothing from the host. */
function hostInterfaceProblem(
  name: string,
  master: string | null,
  actual: LinkJson | undefined,
): NetworkError | undefined {
  if (actual === undefined) return new NetworkError('network.physical.missing', `The interface ${name} is not there.`);
  if (actual.master !== undefined && actual.master !== master) {
    return new NetworkError(
      'network.physical.taken',
      `The interface ${name} is in the bridge ${actual.master}; map the physical network to that bridge.`,
    );
  }
  const hasAddress = (actual.addr_info ?? []).some((address) => address.scope === 'global');
  if (!hasAddress) return undefined;
  return new NetworkError(
    'network.physical.has_addresses',
    `The interface ${name} carries addresses of this host, which a bridge would cut off; move them to a bridge and map the physical network to it.`,
  );
}

/** The namespace at the other end has gone, but something in it still holds it. */
function isOrphaned(spec: ResourceSpec, name: string, state: HostState): boolean {
  const inner = spec.innerOf?.[name];
  if (inner === undefined || !state.links.has(name)) return false;
  const inside = spec.namespace === undefined ? undefined : state.namespaces.get(spec.namespace.name);
  return inside === undefined || !inside.links.some((link) => link.ifname === inner);
}

/** A name whose namespace has gone, or never came to be, has to be given up before it can be used. */
function netnsLines(job: Job, state: HostState): readonly IpLine[] {
  const name = job.spec.namespace?.name;
  if (name === undefined) return [];
  const inside = state.namespaces.get(name);
  if (inside?.links.some((link) => link.ifname === 'lo') === true) return [];
  return [
    ...(inside === undefined ? [] : [{ text: `netns del ${name}`, owner: job.key, tolerate: 'missing' } as const]),
    { text: `netns add ${name}`, owner: job.key, tolerate: 'exists' },
  ];
}

function peerChanges(job: Job, state: HostState): readonly IpLine[] {
  const { peers } = job.spec;
  if (peers === undefined) return [];
  const wanted = new Set(peers.addresses);
  const present = new Set(state.peers.get(peers.device) ?? []);
  const line = (verb: string, address: string, tolerate: 'exists' | 'missing'): IpLine => ({
    text: `fdb ${verb} 00:00:00:00:00:00 dev ${peers.device} dst ${address}`,
    owner: job.key,
    tolerate,
  });
  return [
    ...[...wanted].filter((address) => !present.has(address)).map((address) => line('append', address, 'exists')),
    ...[...present].filter((address) => !wanted.has(address)).map((address) => line('del', address, 'missing')),
  ];
}

async function inParallel(
  jobs: readonly Job[],
  work: (job: Job) => Promise<void>,
  fail: (key: string, error: unknown) => void,
): Promise<void> {
  const queue = [...jobs];
  const runners = Array.from({ length: Math.min(PARALLEL_NAMESPACES, queue.length) }, async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      try {
        await work(job);
      } catch (error) {
        fail(job.key, error);
      }
    }
  });
  await Promise.all(runners);
}
