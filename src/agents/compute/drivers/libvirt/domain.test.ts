import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleGuest, samplePort } from '#tests/support/guest-samples.ts';
import { type DomainContext, domainXml, parseDomain } from './domain.ts';
import { element, readXml } from './xml.ts';

const CONTEXT: DomainContext = {
  virtType: 'qemu',
  arch: 'x86_64',
  cloudId: 'cloud-1',
  disks: [],
  consoleLog: '/d/console.log',
  diskCache: 'none',
};
const MARKS = { powerSerial: 7, rebootSerial: 2, rebootingSerial: 3, session: 'boot/42' };

function domain(guest = {}, context = {}) {
  return readXml(domainXml(sampleGuest(guest), MARKS, { ...CONTEXT, ...context }), 'domain');
}

describe("a guest's definition", () => {
  it('is read back with its marks and interfaces', () => {
    const guest = sampleGuest({ interfaces: [samplePort(1), samplePort(2)] });
    expect(parseDomain(domainXml(guest, MARKS, CONTEXT))).toEqual({
      uuid: guest.id,
      cloudId: 'cloud-1',
      marks: MARKS,
      interfaces: [1, 2].map((i) => {
        const { portId, deviceName, macAddress } = samplePort(i);
        return { portId, deviceName, macAddress };
      }),
      vncSocket: undefined,
      hasGuestAgent: false,
    });
  });

  it("has a channel to the guest's agent when the image says that there is one", () => {
    const xml = domainXml(sampleGuest({ hasGuestAgent: true }), MARKS, CONTEXT);
    expect(parseDomain(xml).hasGuestAgent).toBe(true);
  });

  it('carries any name, in a user’s words, without becoming another document', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.string({ unit: 'binary', maxLength: 60 }),
        (name, session) => {
          const guest = sampleGuest({ name });
          const parsed = parseDomain(domainXml(guest, { ...MARKS, session }, CONTEXT));
          expect([parsed.uuid, parsed.cloudId, parsed.marks.powerSerial]).toEqual([guest.id, 'cloud-1', 7]);
        },
      ),
    );
  });

  it('has a small translation cache and a fixed processor under emulation, and neither under KVM', () => {
    expect(domain().at('features', 'tcg', 'tb-cache')?.text).toBe('32');
    expect(domain().at('cpu', 'model')?.text).toBe('Nehalem');
    expect(domain({}, { virtType: 'kvm' }).at('features', 'tcg')).toBeUndefined();
    expect(domain({}, { virtType: 'kvm' }).at('cpu')?.attributes.mode).toBe('host-model');
  });

  it('tells cloud-init that it runs on OpenStack', () => {
    const entries = domain().at('sysinfo', 'system')?.all('entry') ?? [];
    expect(entries.find((entry) => entry.attributes.name === 'product')?.text).toBe('OpenStack Nova');
    expect(domain().at('os', 'smbios')?.attributes.mode).toBe('sysinfo');
  });

  it('names the whole chain of a disk, so that nothing is probed', () => {
    const disk = {
      path: '/d/root',
      format: 'qcow2',
      device: 'disk',
      bus: 'virtio',
      isReadOnly: false,
      bootIndex: 5,
    } as const;
    const cd = { path: '/d/cd', format: 'raw', device: 'cdrom', bus: 'ide', isReadOnly: true, bootIndex: 3 } as const;
    const [root, drive] =
      domain({}, { disks: [{ ...disk, backing: { path: '/i/base', format: 'raw' } }, cd] })
        .at('devices')
        ?.all('disk') ?? [];
    expect(root?.at('backingStore', 'format')?.attributes.type).toBe('raw');
    expect(root?.at('backingStore', 'source')?.attributes.file).toBe('/i/base');
    expect(root?.at('backingStore', 'backingStore')).toBeDefined();
    expect(root?.at('target')?.attributes).toEqual({ dev: 'vda', bus: 'virtio' });
    expect([root?.at('boot')?.attributes.order, drive?.at('boot')?.attributes.order]).toEqual(['2', '1']);
    expect(drive?.at('readonly')).toBeDefined();
  });

  it('has room to plug things into a q35 machine', () => {
    const controllers = domain({ firmware: 'uefi' }).at('devices')?.all('controller') ?? [];
    expect(controllers.length).toBeGreaterThan(8);
  });

  it('of a stranger is not taken for ours, even with an element of our name', () => {
    const xml =
      "<domain><uuid>u</uuid><metadata><pileus:guest xmlns:pileus='urn:other' cloud='cloud-1'/></metadata></domain>";
    expect(parseDomain(xml).cloudId).toBeUndefined();
  });
});

describe('elements', () => {
  it('escape texts and attributes, and replace what XML cannot carry', () => {
    expect(element('a', { b: `"'<>&\n`, c: undefined }, '<x>\u0000\ud800').xml).toBe(
      "<a b='&#34;&#39;&#60;&#62;&#38;&#10;'>&#60;x&#62;??</a>",
    );
  });

  it('are not read from a document that defines entities', () => {
    const bomb = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">]><domain><uuid>&a;</uuid></domain>';
    expect(() => readXml(bomb, 'domain')).toThrow('document type');
  });
});
