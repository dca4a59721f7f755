import { type Format, ofSize, type Reader, refuse, refuseTruncated } from './format.ts';

/** QEMU's abandoned "enhanced disk": recognised so that it can be refused, whatever it is called. */
export const qed: Format = {
  name: 'qed',
  matches: (head) => head.subarray(0, 4).equals(Buffer.from('QED\0')),
  read: function* (): Reader {
    return refuse('qed', 'QED images are not supported; convert it with "qemu-img convert -O qcow2".');
  },
};

/** An encrypted disk. It is stored as the raw bytes it is, and names no other file. */
export const luks: Format = {
  name: 'luks',
  matches: (head) => head.subarray(0, 6).equals(Buffer.from([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe])),
  read: function* (): Reader {
    return { virtualSizeBytes: null };
  },
};

/** A raw disk with a partition table (MBR, or GPT's protective one). @see https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html */
export const partitioned: Format = {
  name: 'partitioned',
  matches: (head) => head.length >= 512 && head.readUInt16LE(510) === 0xaa55 && !isFatBootSector(head),
  read: function* (): Reader {
    return { virtualSizeBytes: null };
  },
};

/** A FAT file system's boot sector has the same signature; two FATs and "fixed disk" tell it apart. */
function isFatBootSector(head: Buffer): boolean {
  return head[0x10] === 2 && head[0x15] === 0xf8;
}

const PLOOP_MAGICS = ['WithoutFreeSpace', 'WithouFreSpacExt'];
const PLOOP_HEADER_BYTES = 64;
const PLOOP_SECTORS_AT = 36;

/** Virtuozzo's format (QEMU: parallels). Snapshots live in further files, which the image itself does not name. */
export const ploop: Format = {
  name: 'ploop',
  matches: (head) => PLOOP_MAGICS.includes(head.subarray(0, 16).toString('latin1')),
  read: function* (): Reader {
    const header = yield { offset: 0, length: PLOOP_HEADER_BYTES };
    if (header.length < PLOOP_HEADER_BYTES) return refuseTruncated('ploop');
    // The older of the two has 32 bits for the number of sectors.
    const isOld = header.subarray(0, 16).toString('latin1') === PLOOP_MAGICS[0];
    const sectors = isOld ? BigInt(header.readUInt32LE(PLOOP_SECTORS_AT)) : header.readBigUInt64LE(PLOOP_SECTORS_AT);
    return ofSize('ploop', sectors * 512n);
  },
};
