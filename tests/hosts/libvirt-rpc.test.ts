import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { silentLog } from '#kernel/log.ts';
import { ensureLibvirt, stopOwnLibvirt } from '../../src/agents/compute/drivers/libvirt/daemon.ts';
import { type LibvirtClient, openLibvirt } from '../../src/agents/compute/drivers/libvirt/rpc/client.ts';
import {
  domainState,
  lifecycleEvent,
  statsFlag,
  undefineFlag,
} from '../../src/agents/compute/drivers/libvirt/rpc/protocol.ts';
import { makeLibvirtFolder, removeLibvirtFolder } from './support/own-libvirt.ts';

const UUID = '6fbc4f1e-7a1d-4d5c-9d4e-0b1f3a5c7e91';
/** No disk, no network: it stays in the BIOS, which is all that these tests need. */
const XML = `<domain type='qemu'><name>pileus-rpc</name><uuid>${UUID}</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features></domain>`;

describe.runIf(process.getuid?.() === 0)('libvirt over its socket', () => {
  const exec = createDirectExec();
  let base: string;
  let folder: string;
  let socketPath: string;
  let client: LibvirtClient;

  const options = () => ({ exec, clock: systemClock, log: silentLog, folder, isPrivate: true, hidesKvm: true });
  beforeAll(async () => {
    base = await makeLibvirtFolder();
    folder = join(base, 'libvirt');
    socketPath = (await ensureLibvirt(options())).socketPath;
    client = await openLibvirt(socketPath);
  });
  afterAll(async () => {
    const domain = await client.findDomain(UUID);
    if (domain !== undefined && domain.number !== -1) await client.destroyDomain(domain, 0);
    client.close();
    await stopOwnLibvirt(folder, systemClock);
    await exec.close();
    await removeLibvirtFolder(base);
  });

  it('tells what the host is', async () => {
    const { hypervisor, library } = await client.version();
    expect(hypervisor).toBeGreaterThan(5_000_000);
    expect(library).toBeGreaterThan(7_000_000);
    const node = await client.nodeInfo();
    expect(node.model).toBe('x86_64');
    expect(node.memoryKib).toBeGreaterThan(100_000);
    expect(await client.capabilities()).toContain('<arch>x86_64</arch>');
    expect(await client.domainCapabilities({ virtType: 'qemu', machine: 'pc' })).toContain('<domain>qemu</domain>');
  });

  it('says that a domain is absent, and why a broken one is refused', async () => {
    expect(await client.findDomain(UUID)).toBeUndefined();
    await expect(client.defineDomain('<domain/>')).rejects.toMatchObject({
      code: /^libvirt\.error_\d+$/,
      message: /domain/,
    });
  });

  it('takes a domain through its life and tells of it', async () => {
    const events: number[] = [];
    client.onLifecycle((domain, event) => {
      if (domain.uuid === UUID) events.push(event);
    });
    let domain = await client.defineDomain(XML);
    expect(domain).toEqual({ name: 'pileus-rpc', uuid: UUID, number: -1 });
    expect(await client.listDomains()).toEqual([domain]);
    domain = await client.createDomain(domain, 0);
    expect((await client.domainState(domain)).state).toBe(domainState.running);
    await client.suspendDomain(domain);
    expect((await client.domainState(domain)).state).toBe(domainState.paused);
    await client.resumeDomain(domain);
    await client.resetDomain(domain);
    const element = { xml: '<guest a="1"/>', prefix: 'p', namespace: 'urn:t' };
    await client.setMetadata(domain, element, true);
    expect(await client.findMetadata(domain, 'urn:t')).toContain('a="1"');
    expect(await client.findMetadata(domain, 'urn:other')).toBeUndefined();
    const [record] = await client.domainStats([domain], statsFlag.state | statsFlag.cpuTotal | statsFlag.vcpu);
    expect(record?.stats).toMatchObject({ 'state.state': 1, 'vcpu.current': 1 });
    await client.managedSave(domain);
    expect(await client.hasManagedSave(domain)).toBe(true);
    await client.removeManagedSave(domain);
    domain = await client.createDomain({ ...domain, number: -1 }, 0);
    await client.destroyDomain(domain, 0);
    await client.undefineDomain(domain, undefineFlag.managedSave | undefineFlag.nvram);
    expect(await client.listDomains()).toEqual([]);
    expect(events).toEqual(
      expect.arrayContaining([lifecycleEvent.started, lifecycleEvent.suspended, lifecycleEvent.resumed]),
    );
    expect(events.slice(-2)).toEqual([lifecycleEvent.stopped, lifecycleEvent.undefined]);
  });

  it('answers many calls at once, each its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? client.nodeInfo() : client.listDomains())),
    );
    expect(answers.filter((answer) => Array.isArray(answer))).toHaveLength(100);
  });

  it('gives a call up at its deadline and goes on', async () => {
    await expect(client.defineDomain(XML, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'libvirt.timeout' });
    const [domain] = await client.listDomains();
    if (domain !== undefined) await client.undefineDomain(domain, 0);
  });

  it('fails what is under way when the daemon goes, and finds guests again with the next one', async () => {
    const domain = await client.createDomain(await client.defineDomain(XML), 0);
    expect((await client.domainState(domain)).state).toBe(domainState.running);
    const closed = new Promise<void>((resolve) => client.onClose(resolve));
    await stopOwnLibvirt(folder, systemClock);
    await closed;
    await expect(client.listDomains()).rejects.toMatchObject({ code: 'libvirt.closed' });
    await expect(openLibvirt(socketPath)).rejects.toMatchObject({ code: 'libvirt.unreachable' });
    await ensureLibvirt(options());
    client = await openLibvirt(socketPath);
    expect(await client.listDomains()).toEqual([domain]);
    await client.suspendDomain(domain); // waits until libvirt has its guest in hand again
    expect((await client.domainState(domain)).state).toBe(domainState.paused);
    await client.destroyDomain(domain, 0);
    await client.undefineDomain(domain, 0);
  });
});
