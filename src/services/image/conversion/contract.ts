import type { DiskFormat } from '../formats/format.ts';

/** One disk to be written anew in another format. */
export interface DiskConversion {
  readonly source: string;
  /** Told to the program, which guesses nothing. The content has been inspected as being of it. */
  readonly sourceFormat: DiskFormat;
  /** An empty file. */
  readonly target: string;
  /** What the disk will take as raw; the program gets no more. */
  readonly virtualSizeBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Writes a disk's content raw.
 * @throws {BadRequest} `image.conversion.failed`, `image.conversion.absent`; {TooLarge} `image.store.full`.
 */
export type ConvertDisk = (conversion: DiskConversion) => Promise<void>;
