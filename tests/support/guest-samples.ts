import type { DesiredGuest, DesiredGuests, GuestInterface, GuestMetadata } from '#protocol/guests.ts';

/** A guest as a test wants it: running, without disks and interfaces, unless `change` says otherwise. */
export function sampleGuest(change: Partial<DesiredGuest> = {}): DesiredGuest {
  const id = change.id ?? '11111111-2222-4333-8444-555555555555';
  return {
    id,
    name: 'sample',
    vcpus: 1,
    memoryMib: 128,
    machineType: null,
    firmware: 'bios',
    videoModel: null,
    hasRng: true,
    disks: [],
    interfaces: [],
    hasConfigDrive: false,
    metadata: sampleMetadata(id),
    power: 'running',
    powerSerial: 1,
    rebootSerial: 0,
    rebootType: 'soft',
    ...change,
  };
}

export function sampleMetadata(instanceId: string, change: Partial<GuestMetadata> = {}): GuestMetadata {
  return {
    instanceId,
    ec2Id: 'i-0000002a',
    name: 'sample',
    hostname: 'sample',
    projectId: '0123456789abcdef0123456789abcdef',
    availabilityZone: 'nova',
    launchIndex: 0,
    flavorName: 'm1.tiny',
    imageId: null,
    keys: [],
    meta: {},
    securityGroups: ['default'],
    userData: null,
    randomSeed: 'AAAA',
    adminPassword: null,
    networks: [],
    ...change,
  };
}

/** The `index`-th port of a test. */
export function samplePort(index: number, change: Partial<GuestInterface> = {}): GuestInterface {
  const portId = `aaaaaaaa-bbbb-4ccc-8ddd-00000000000${index}`;
  const deviceName = `tap${portId.slice(0, 8)}${index}`;
  return { portId, macAddress: `fa:16:3e:00:00:0${index}`, deviceName, mtu: 1450, model: 'virtio', ...change };
}

export function desiredOf(revision: number, ...guests: DesiredGuest[]): DesiredGuests {
  return { revision, guests };
}
