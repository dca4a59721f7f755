import { type Findings, type Format, ofSize, type Reader, refuse, refuseTruncated } from './format.ts';

const COOKIE = Buffer.from('conectix');
/** Offsets in the big-endian footer, of which dynamic disks have a copy in front. @see https://github.com/qemu/qemu/blob/master/block/vpc.c */
const AT = { currentSize: 48, diskType: 60 } as const;
export const VHD_FOOTER_BYTES = 512;
const FIXED = 2;
const DYNAMIC = 3;
const DIFFERENCING = 4;

/** Microsoft's older format (QEMU: vpc). A differencing disk names its parent and is refused. */
export const vhd: Format = {
  name: 'vhd',
  matches: isVhdFooter,
  read: function* (): Reader {
    return checkFooter(yield { offset: 0, length: VHD_FOOTER_BYTES });
  },
};

/** Fixed disks have their only footer at the end, so they can be told only when the file has passed. */
export function* readFixedVhd(): Reader {
  const footer = yield { last: VHD_FOOTER_BYTES };
  return isVhdFooter(footer)
    ? checkFooter(footer)
    : refuse('mismatch', 'No VHD footer was found at the end of the image.');
}

export function isVhdFooter(bytes: Buffer): boolean {
  return bytes.subarray(0, COOKIE.length).equals(COOKIE);
}

function checkFooter(footer: Buffer): Findings {
  if (footer.length < VHD_FOOTER_BYTES) return refuseTruncated('VHD');
  const kind = footer.readUInt32BE(AT.diskType);
  if (kind === DIFFERENCING)
    return refuse(
      'backing_file',
      'The VHD image is a differencing disk, whose parent would be read on the host; merge it with its parent first.',
    );
  if (kind !== FIXED && kind !== DYNAMIC)
    return refuse('version', `VHD disk type ${kind} is not supported; make it a fixed or dynamic disk.`);
  return ofSize('VHD', footer.readBigUInt64BE(AT.currentSize));
}
