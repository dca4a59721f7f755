import { type Format, ofSize, type Reader, refuse, refuseTruncated } from './format.ts';

const SIGNATURE = 0xbeda107f;
/** Offsets in the little-endian header. @see https://github.com/qemu/qemu/blob/master/block/vdi.c */
const AT = { signature: 0x40, kind: 0x4c, size: 0x170, linkedId: 0x1a8, parentId: 0x1b8 } as const;
const HEADER_BYTES = 512;
const DYNAMIC = 1;
const STATIC = 2;

/** VirtualBox's format. Undo and differencing disks are refused. */
export const vdi: Format = {
  name: 'vdi',
  matches: (head) => head.length >= AT.signature + 4 && head.readUInt32LE(AT.signature) === SIGNATURE,
  read: readVdi,
};

function* readVdi(): Reader {
  const header = yield { offset: 0, length: HEADER_BYTES };
  if (header.length < HEADER_BYTES) return refuseTruncated('VDI');
  const kind = header.readUInt32LE(AT.kind);
  const parents = header.subarray(AT.linkedId, AT.parentId + 16);
  if ((kind !== DYNAMIC && kind !== STATIC) || parents.some((byte) => byte !== 0)) {
    return refuse(
      'backing_file',
      'The VDI image builds upon another image; clone it to a fixed or dynamic disk first.',
    );
  }
  return ofSize('VDI', header.readBigUInt64LE(AT.size));
}
