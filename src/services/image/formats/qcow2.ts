import { type Findings, type Format, ofSize, type Reader, refuse, refuseTruncated } from './format.ts';

const MAGIC = 0x514649fb; // "QFI\xfb"

/** Offsets in the big-endian header. @see https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt */
const AT = {
  version: 4,
  backingOffset: 8,
  backingLength: 16,
  clusterBits: 20,
  size: 24,
  encryption: 32,
  l1Length: 36,
  l1Offset: 40,
  incompatible: 72,
  headerLength: 100,
} as const;
const HEADER_V2_BYTES = 72;
const HEADER_V3_BYTES = 104;

/** Bits 0 dirty, 1 corrupt, 2 external data file, 3 compression type, 4 extended L2 entries; no others are defined. */
const CORRUPT = 1n << 1n;
const EXTERNAL_DATA = 1n << 2n;
const KNOWN_FEATURES = 0b11111n;

const EXTENSION_END = 0;
const EXTENSION_EXTERNAL_DATA = 0x44415441;
/** Far more than QEMU writes (three); a file with more is not looked at further. */
const MAX_EXTENSIONS = 64;

/** QEMU's own limits: clusters of 512 B to 2 MiB, an L1 table of 32 MiB. */
const MIN_CLUSTER_BITS = 9;
const MAX_CLUSTER_BITS = 21;
const MAX_L1_ENTRIES = (32 * 1024 * 1024) / 8;

/** QEMU's copy-on-write format: refused whenever it would make QEMU open another file, or is beyond QEMU's own limits. */
export const qcow2: Format = {
  name: 'qcow2',
  matches: (head) => head.length >= 8 && head.readUInt32BE(0) === MAGIC,
  read: readQcow2,
};

function* readQcow2(): Reader {
  // One cluster holds the header and its extensions; of a cluster as large as 2 MiB only the beginning can be in use.
  const header = yield { offset: 0, length: 64 * 1024 };
  if (header.length < HEADER_V2_BYTES) return refuseTruncated('qcow2');
  const version = header.readUInt32BE(AT.version);
  if (version !== 2 && version !== 3) {
    return refuse(
      'version',
      `qcow version ${version} is not supported; convert the image with "qemu-img convert -O qcow2".`,
    );
  }
  if (version === 3 && header.length < HEADER_V3_BYTES) return refuseTruncated('qcow2');
  return findReferences(header, version) ?? findBadGeometry(header) ?? ofSize('qcow2', header.readBigUInt64BE(AT.size));
}

function findReferences(header: Buffer, version: 2 | 3): Findings | undefined {
  if (header.readBigUInt64BE(AT.backingOffset) !== 0n || header.readUInt32BE(AT.backingLength) !== 0) {
    return refuse(
      'backing_file',
      'The qcow2 image has a backing file, which would be read on the host; flatten it with "qemu-img convert -O qcow2".',
    );
  }
  if (header.readUInt32BE(AT.encryption) !== 0) {
    return refuse(
      'encrypted',
      'The qcow2 image is encrypted, and no host would have its key; convert it to an image without encryption.',
    );
  }
  const features = version === 3 ? header.readBigUInt64BE(AT.incompatible) : 0n;
  if ((features & EXTERNAL_DATA) !== 0n || hasExternalDataName(header, version)) {
    return refuse(
      'data_file',
      'The qcow2 image keeps its data in another file, which would be read on the host; convert it with "qemu-img convert -O qcow2".',
    );
  }
  if ((features & ~KNOWN_FEATURES) !== 0n) {
    return refuse(
      'unknown_features',
      'The qcow2 image uses features that are not known here; convert it with "qemu-img convert -O qcow2 -o compat=1.1".',
    );
  }
  if ((features & CORRUPT) !== 0n) {
    return refuse(
      'corrupt',
      'The qcow2 image is marked as corrupt; mend it with "qemu-img check -r all" and upload it again.',
    );
  }
  return undefined;
}

function hasExternalDataName(header: Buffer, version: 2 | 3): boolean {
  let at = version === 2 ? HEADER_V2_BYTES : header.readUInt32BE(AT.headerLength);
  for (let seen = 0; seen < MAX_EXTENSIONS && at + 8 <= header.length; seen++) {
    const kind = header.readUInt32BE(at);
    if (kind === EXTENSION_EXTERNAL_DATA) return true;
    if (kind === EXTENSION_END) return false;
    at += 8 + Math.ceil(header.readUInt32BE(at + 4) / 8) * 8;
  }
  return false;
}

function findBadGeometry(header: Buffer): Findings | undefined {
  const clusterBits = header.readUInt32BE(AT.clusterBits);
  if (clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) {
    return refuse(
      'geometry',
      `The qcow2 image says that its clusters have 2^${clusterBits} bytes; between 2^${MIN_CLUSTER_BITS} and 2^${MAX_CLUSTER_BITS} are possible.`,
    );
  }
  const l1Entries = header.readUInt32BE(AT.l1Length);
  if (l1Entries > MAX_L1_ENTRIES) {
    return refuse(
      'geometry',
      `The qcow2 image says that its L1 table has ${l1Entries} entries; ${MAX_L1_ENTRIES} are possible.`,
    );
  }
  // One L1 entry covers a cluster full of 8-byte L2 entries; extended entries of 16 bytes only cover less.
  const covered = BigInt(l1Entries) << BigInt(clusterBits + clusterBits - 3);
  if (covered < header.readBigUInt64BE(AT.size)) {
    return refuse(
      'geometry',
      'The qcow2 image says that its disk is larger than its tables can describe; it is damaged or made to mislead.',
    );
  }
  if (l1Entries > 0 && header.readBigUInt64BE(AT.l1Offset) % (1n << BigInt(clusterBits)) !== 0n) {
    return refuse(
      'geometry',
      'The L1 table of the qcow2 image does not begin at a cluster; it is damaged or made to mislead.',
    );
  }
  return undefined;
}
