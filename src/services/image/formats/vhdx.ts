import { type Findings, type Format, ofSize, type Reader, refuse, refuseTruncated } from './format.ts';

/** @see https://learn.microsoft.com/openspecs/windows_protocols/ms-vhdx/83e061f8-f6e2-4de1-91bd-5d518a43d477 */
const REGION_TABLE = { offset: 192 * 1024, length: 64 * 1024 } as const;
const METADATA_TABLE_BYTES = 64 * 1024;
const REGION_SIGNATURE = Buffer.from('regi');
const METADATA_SIGNATURE = Buffer.from('metadata');
const MAX_ENTRIES = 2047;
const ENTRY_BYTES = 32;
const METADATA_REGION = guid('8B7CA206-4790-4B9A-B8FE-575F050F886E');
const VIRTUAL_DISK_SIZE = guid('2FA54224-CD1B-4876-B211-5DBED83BF4B8');
const FILE_PARAMETERS = guid('CAA16737-FA36-4D43-B3B6-33F0AA44E76B');
const PARENT_LOCATOR = guid('A8D35F2D-B30B-454D-ABF7-D3D84834AB0C');
const HAS_PARENT = 0b10;

interface Item {
  readonly kind: Buffer;
  readonly offset: number;
  readonly length: number;
}

/** Microsoft's newer format. A disk with a parent is refused. */
export const vhdx: Format = {
  name: 'vhdx',
  matches: (head) => head.subarray(0, 8).equals(Buffer.from('vhdxfile')),
  read: readVhdx,
};

function* readVhdx(): Reader {
  const regions = yield REGION_TABLE;
  const metadataOffset = findMetadataRegion(regions);
  if (metadataOffset === undefined) return refuseDamaged();
  const table = yield { offset: metadataOffset, length: METADATA_TABLE_BYTES };
  const items = listItems(table);
  if (items === undefined) return refuseDamaged();
  if (items.some((item) => item.kind.equals(PARENT_LOCATOR))) return refuseParent();
  let size: bigint | undefined;
  let hasParameters = false;
  // In the order of the file, as it is read only once.
  for (const item of items.toSorted((a, b) => a.offset - b.offset)) {
    if (item.kind.equals(FILE_PARAMETERS)) {
      const bytes = yield { offset: metadataOffset + item.offset, length: 8 };
      if (bytes.length < 8) return refuseTruncated('VHDX');
      if ((bytes.readUInt32LE(4) & HAS_PARENT) !== 0) return refuseParent();
      hasParameters = true;
    } else if (item.kind.equals(VIRTUAL_DISK_SIZE)) {
      const bytes = yield { offset: metadataOffset + item.offset, length: 8 };
      if (bytes.length < 8) return refuseTruncated('VHDX');
      if (size !== undefined) return refuseDamaged();
      size = bytes.readBigUInt64LE(0);
    }
  }
  return size === undefined || !hasParameters ? refuseDamaged() : ofSize('VHDX', size);
}

function findMetadataRegion(table: Buffer): number | undefined {
  if (!table.subarray(0, 4).equals(REGION_SIGNATURE) || table.length < REGION_TABLE.length) return undefined;
  const count = table.readUInt32LE(8);
  if (count > MAX_ENTRIES) return undefined;
  for (let at = 16; at < 16 + count * ENTRY_BYTES; at += ENTRY_BYTES) {
    if (!table.subarray(at, at + 16).equals(METADATA_REGION)) continue;
    const offset = table.readBigUInt64LE(at + 16);
    return offset > BigInt(Number.MAX_SAFE_INTEGER) / 2n ? undefined : Number(offset);
  }
  return undefined;
}

function listItems(table: Buffer): Item[] | undefined {
  if (!table.subarray(0, 8).equals(METADATA_SIGNATURE) || table.length < METADATA_TABLE_BYTES) return undefined;
  const count = table.readUInt16LE(10);
  if (count > MAX_ENTRIES) return undefined;
  return Array.from({ length: count }, (_, index) => {
    const at = ENTRY_BYTES * (index + 1);
    return {
      kind: table.subarray(at, at + 16),
      offset: table.readUInt32LE(at + 16),
      length: table.readUInt32LE(at + 20),
    };
  });
}

function refuseDamaged(): Findings {
  return refuse(
    'damaged',
    'The tables of the VHDX image are damaged or in an unusual order; convert it with "qemu-img convert -O qcow2".',
  );
}

function refuseParent(): Findings {
  return refuse(
    'backing_file',
    'The VHDX image is a differencing disk, whose parent would be read on the host; merge it with its parent first.',
  );
}

/** The 16 bytes of a GUID as Microsoft lays them out: the first three groups little-endian. */
function guid(text: string): Buffer {
  const [a, b, c, d, e] = text.split('-').map((group) => Buffer.from(group, 'hex')) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  return Buffer.concat([a.reverse(), b.reverse(), c.reverse(), d, e]);
}
