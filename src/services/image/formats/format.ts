/**
 * What every disk format's reader is made of.
 *
 * A reader is a generator that asks for the byte ranges it needs, in the order in which they come in the file, and
 * returns what it found. It never holds more than one range, and the driver (`inspect.ts`) bounds each one, so that
 * an image of any size and any content is inspected while it streams past.
 */

/** The formats that an image can be declared as. */
export const DISK_FORMATS = [
  'ami',
  'ari',
  'aki',
  'vhd',
  'vhdx',
  'vmdk',
  'raw',
  'qcow2',
  'vdi',
  'iso',
  'ploop',
] as const;
export type DiskFormat = (typeof DISK_FORMATS)[number];

/** What the bytes themselves say they are; `raw` when they say nothing. */
export type ContentFormat =
  | 'raw'
  | 'qcow2'
  | 'qed'
  | 'vmdk'
  | 'vhd'
  | 'vhdx'
  | 'vdi'
  | 'iso'
  | 'ploop'
  | 'luks'
  | 'partitioned';

/** Why an image must not be stored. The code is stable; the message names the cause and the next step. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

export interface Findings {
  /** The disk's size as a guest would see it; null when the format does not say, or says it where it cannot be read. */
  readonly virtualSizeBytes: number | null;
  readonly refusal?: Refusal | undefined;
}

/** A byte range from the start, or the last bytes of the file. */
export type Wanted = { readonly offset: number; readonly length: number } | { readonly last: number };

/** Yields what it wants, is given those bytes (fewer when the file ends before), and returns its findings. */
export type Reader = Generator<Wanted, Findings, Buffer>;

export interface Format {
  readonly name: Exclude<ContentFormat, 'raw'>;
  /** Whether the first {@link HEAD_BYTES} of the file (fewer in a short file) are of this format. */
  matches(head: Buffer): boolean;
  read(): Reader;
}

/**
 * What of a file's beginning is kept: up to the end of the first ISO 9660 volume descriptor, the farthest signature.
 * Smaller would miss ISO images, larger would only cost memory.
 */
export const HEAD_BYTES = 34 * 1024;

/**
 * The longest range that a reader is given. VHDX's tables are 64 KiB and VMDK's descriptor is 10 KiB in practice; a
 * larger limit would only let a hostile upload hold more memory.
 */
export const MAX_RANGE_BYTES = 128 * 1024;

/** A disk beyond this (8 PiB) is a lie or an attack, and cannot be counted exactly either. */
export const MAX_VIRTUAL_BYTES = Number.MAX_SAFE_INTEGER;

/** Findings that forbid the image, with no size to believe. */
export function refuse(code: string, message: string): Findings {
  return { virtualSizeBytes: null, refusal: { code: `image.content.${code}`, message } };
}

/** Findings for a header that ends before it is complete. */
export function refuseTruncated(format: string): Findings {
  return refuse('truncated', `The ${format} image ends in the middle of its header; upload it again, whole.`);
}

/** The findings of a sound image: its size, unless that cannot be true. */
export function ofSize(format: string, virtualSize: bigint): Findings {
  if (virtualSize > BigInt(MAX_VIRTUAL_BYTES)) {
    return refuse(
      'virtual_size',
      `The ${format} image says that its disk has ${virtualSize} bytes, which is more than any host can hold.`,
    );
  }
  return { virtualSizeBytes: Number(virtualSize) };
}
