import { open } from 'node:fs/promises';
import { DriverError } from '../contract.ts';

const MAGIC = 0x5146_49fb;
/** Incompatible feature: data in another file, which a guest could choose. */
const EXTERNAL_DATA_FILE = 4n;

/**
 * The size that a guest sees of an image, in bytes; QEMU is not asked to look into it.
 * @throws {DriverError} `guest.image.unsafe` when it is not of its declared format, or names other files.
 */
export async function virtualSize(path: string, format: 'raw' | 'qcow2'): Promise<number> {
  const file = await open(path, 'r');
  try {
    if (format === 'raw') return Math.ceil((await file.stat()).size / 512) * 512;
    const header = Buffer.alloc(104);
    await file.read(header, 0, header.length, 0);
    if (header.readUInt32BE(0) !== MAGIC) throw unsafe(path, 'it is not in qcow2 format');
    if (header.readBigUInt64BE(8) !== 0n) throw unsafe(path, 'it has a backing file');
    if (header.readUInt32BE(4) >= 3 && (header.readBigUInt64BE(72) & EXTERNAL_DATA_FILE) !== 0n)
      throw unsafe(path, 'it has an external data file');
    return Number(header.readBigUInt64BE(24));
  } finally {
    await file.close();
  }
}

function unsafe(path: string, why: string): DriverError {
  return new DriverError('guest.image.unsafe', `The image ${path} is refused: ${why}.`);
}
