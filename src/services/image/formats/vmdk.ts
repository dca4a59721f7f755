import { type Findings, type Format, MAX_RANGE_BYTES, ofSize, type Reader, refuse, refuseTruncated } from './format.ts';

/** Offsets in the little-endian header of a sparse extent. @see https://www.vmware.com/app/vmdk/?src=vmdk */
const AT = { version: 4, capacity: 12, descriptorSector: 28, descriptorSectors: 36, grainDirectory: 56 } as const;
const SECTOR = 512;
const HEADER_BYTES = 79;
const DESCRIPTOR_SECTOR = 1n;
/** "The real header is a footer at the end", as in every streamOptimized image. */
const GRAIN_DIRECTORY_AT_END = 0xffff_ffff_ffff_ffffn;
const MARKER_FOOTER = 3;
const ALLOWED_TYPES = ['monolithicsparse', 'streamoptimized'];
const NO_PARENT = 'ffffffff';

/**
 * VMware's format: only the two kinds that keep everything in one file are accepted.
 * The others, and any way of naming another file, would make QEMU open what the descriptor names (CVE-2022-47951).
 */
export const vmdk: Format = {
  name: 'vmdk',
  matches: (head) => isSparseExtent(head) || head.subarray(0, 4).equals(Buffer.from('COWD')) || isBareDescriptor(head),
  read: readVmdk,
};

function isSparseExtent(head: Buffer): boolean {
  return head.subarray(0, 4).equals(Buffer.from('KDMV'));
}

/** As QEMU's own probe: comments and blank lines, then `version=`. */
function isBareDescriptor(head: Buffer): boolean {
  for (const line of head.toString('latin1').split('\n', MAX_DESCRIPTOR_LINES)) {
    const text = line.trim().toLowerCase();
    if (text === '' || text.startsWith('#')) continue;
    return /^(version|encoding|cid|createtype)\s*=/.test(text);
  }
  return false;
}

function* readVmdk(): Reader {
  const header = yield { offset: 0, length: SECTOR };
  if (!isSparseExtent(header)) return refuseKind();
  if (header.length < HEADER_BYTES) return refuseTruncated('VMDK');
  const version = header.readUInt32LE(AT.version);
  if (version < 1 || version > 3)
    return refuse(
      'version',
      `VMDK version ${version} is not supported; convert the image with "qemu-img convert -O qcow2".`,
    );
  // QEMU takes a header without capacity as a mere wrapper of a descriptor, and opens the files that this one names.
  const capacity = header.readBigUInt64LE(AT.capacity);
  if (capacity === 0n) return refuseKind();
  const descriptorBytes = header.readBigUInt64LE(AT.descriptorSectors) * BigInt(SECTOR);
  if (
    header.readBigUInt64LE(AT.descriptorSector) !== DESCRIPTOR_SECTOR ||
    descriptorBytes === 0n ||
    descriptorBytes > BigInt(MAX_RANGE_BYTES)
  ) {
    return refuse(
      'descriptor',
      `The VMDK image's descriptor must stand in its second sector and have at most ${MAX_RANGE_BYTES} bytes.`,
    );
  }
  const descriptor = yield { offset: SECTOR, length: Number(descriptorBytes) };
  if (descriptor.length < Number(descriptorBytes)) return refuseTruncated('VMDK');
  const problem = checkDescriptor(descriptor);
  if (problem !== undefined) return problem;
  if (header.readBigUInt64LE(AT.grainDirectory) === GRAIN_DIRECTORY_AT_END) {
    const badFooter = checkFooter(header, yield { last: 3 * SECTOR });
    if (badFooter !== undefined) return badFooter;
  }
  return ofSize('VMDK', capacity * BigInt(SECTOR));
}

function refuseKind(): Findings {
  return refuse(
    'vmdk_kind',
    'Of VMDK images only monolithicSparse and streamOptimized are accepted, the others name further files; convert it with "qemu-img convert -O qcow2".',
  );
}

const MAX_DESCRIPTOR_LINES = 4096;

/** Every line must be understood; what cannot be is refused, as another parser might understand it differently. */
function checkDescriptor(bytes: Buffer): Findings | undefined {
  const end = bytes.indexOf(0);
  const text = bytes.subarray(0, end === -1 ? bytes.length : end).toString('latin1');
  const lines = text.split('\n').map((line) => line.trim());
  if (lines.length > MAX_DESCRIPTOR_LINES || /[^\t\r\n\x20-\x7e]/.test(text))
    return refuseDescriptor('is not plain text');
  const fields = new Map<string, string>();
  const extents: string[] = [];
  for (const line of lines) {
    if (line === '' || line.startsWith('#') || /^ddb\./i.test(line)) continue;
    const field = /^([A-Za-z]+)\s*=\s*"?([^"]*)"?$/.exec(line);
    if (field?.[1] !== undefined) {
      const name = field[1].toLowerCase();
      if (fields.has(name)) return refuseDescriptor(`gives ${field[1]} twice`);
      fields.set(name, field[2] ?? '');
    } else if (/^(rw|rdonly|noaccess)\s/i.test(line)) extents.push(line);
    else return refuseDescriptor('has a line that is not understood');
  }
  if (!ALLOWED_TYPES.includes((fields.get('createtype') ?? '').toLowerCase())) return refuseKind();
  if (fields.has('parentfilenamehint') || (fields.get('parentcid') ?? NO_PARENT).toLowerCase() !== NO_PARENT) {
    return refuse(
      'backing_file',
      'The VMDK image builds upon a parent image, which would be read on the host; convert it with "qemu-img convert -O qcow2".',
    );
  }
  return checkExtents(extents);
}

function checkExtents(extents: readonly string[]): Findings | undefined {
  if (extents.length !== 1) return refuseDescriptor(`names ${extents.length} extents instead of one`);
  // RW 12345 SPARSE "disk.vmdk"
  const extent = /^(?:rw|rdonly|noaccess)\s+\d+\s+sparse\s+"([^"/\\:]*)"(?:\s+0)?$/i.exec(extents[0] ?? '');
  if (extent === null)
    return refuse(
      'extent',
      'The VMDK image names an extent in another file; convert it with "qemu-img convert -O qcow2".',
    );
  return undefined;
}

function refuseDescriptor(what: string): Findings {
  return refuse('descriptor', `The descriptor of the VMDK image ${what}; convert it with "qemu-img convert -O qcow2".`);
}

/** The last three sectors: footer marker, a copy of the header, end-of-stream marker. QEMU believes the copy. */
function checkFooter(header: Buffer, last: Buffer): Findings | undefined {
  if (last.length < 3 * SECTOR) return refuseTruncated('VMDK');
  const [marker, footer, end] = [0, 1, 2].map((at) => last.subarray(at * SECTOR, (at + 1) * SECTOR)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  const isMarker = (sector: Buffer, kind: number): boolean =>
    sector.readUInt32LE(8) === 0 && sector.readUInt32LE(12) === kind && sector.subarray(16).every((byte) => byte === 0);
  const sameUpToDirectory = footer.subarray(0, AT.grainDirectory).equals(header.subarray(0, AT.grainDirectory));
  const directoryIsHere = footer.readBigUInt64LE(AT.grainDirectory) !== GRAIN_DIRECTORY_AT_END;
  if (
    isMarker(marker, MARKER_FOOTER) &&
    isMarker(end, 0) &&
    end.readBigUInt64LE(0) === 0n &&
    sameUpToDirectory &&
    directoryIsHere
  )
    return undefined;
  return refuse(
    'footer',
    'The VMDK image ends with a footer that does not agree with its header; it is damaged or made to mislead.',
  );
}
