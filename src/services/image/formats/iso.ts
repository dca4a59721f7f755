import type { Format, Reader } from './format.ts';

const DESCRIPTOR = { offset: 32 * 1024, length: 2048 } as const;
const SIGNATURES = ['CD001', 'NSR02', 'NSR03'];
const PRIMARY = 1;

/** ISO 9660 and UDF discs. They name no other file. @see https://wiki.osdev.org/ISO_9660#The_Primary_Volume_Descriptor */
export const iso: Format = {
  name: 'iso',
  matches: (head) =>
    SIGNATURES.includes(head.subarray(DESCRIPTOR.offset + 1, DESCRIPTOR.offset + 6).toString('latin1')),
  read: readIso,
};

function* readIso(): Reader {
  const descriptor = yield DESCRIPTOR;
  if (descriptor.length < DESCRIPTOR.length || descriptor[0] !== PRIMARY) return { virtualSizeBytes: null };
  const blocks = descriptor.readUInt32LE(80);
  const blockBytes = descriptor.readUInt16LE(128);
  return { virtualSizeBytes: blocks * blockBytes };
}
