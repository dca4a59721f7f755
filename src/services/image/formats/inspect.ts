import { type ContentFormat, type DiskFormat, type Findings, type Format, HEAD_BYTES, type Refusal } from './format.ts';
import { iso } from './iso.ts';
import { luks, partitioned, ploop, qed } from './others.ts';
import { qcow2 } from './qcow2.ts';
import { RangeFeed } from './range-feed.ts';
import { vdi } from './vdi.ts';
import { readFixedVhd, vhd } from './vhd.ts';
import { vhdx } from './vhdx.ts';
import { vmdk } from './vmdk.ts';

const FORMATS: readonly Format[] = [qcow2, qed, vmdk, vhd, vhdx, vdi, iso, ploop, luks, partitioned];

/** Contents that may stand under `raw`: nobody reads more into them than bytes of a disk. */
const RAW_LIKE: readonly ContentFormat[] = ['raw', 'partitioned', 'luks', 'iso'];
/** Kernels, ramdisks and file systems have no structure that is checked here. */
const UNSTRUCTURED: readonly DiskFormat[] = ['raw', 'ami', 'ari', 'aki'];

/** The farthest that any reader looks back from the end (a VMDK footer). */
const TAIL_BYTES = 3 * 512;

export interface Inspection {
  /** What the content is, by its own signatures. */
  readonly format: ContentFormat;
  /** The disk's size as a guest would see it; null when unknown. */
  readonly virtualSizeBytes: number | null;
  /**
   * Whether the content is what it was declared to be. Content without any signature that is declared as a format with
   * one is stored, as the real service does, but must never be given to a guest.
   */
  readonly isAsDeclared: boolean;
  readonly refusal?: Refusal | undefined;
}

/**
 * Looks at an image while it streams past, against the format that it was declared to have.
 *
 * Theory of operation. The first {@link HEAD_BYTES} are kept and searched for signatures. Each format found gets its
 * reader, which is fed the ranges it asks for as they pass. Nothing seeks, nothing is probed by QEMU, and at most the
 * head, a tail of {@link TAIL_BYTES} and one bounded range per reader are held.
 *
 * @see openstack/oslo.utils oslo_utils/imageutils/format_inspector.py
 */
export class ImageInspector {
  readonly #declared: DiskFormat;
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  #feeds: Map<Format['name'], RangeFeed> | undefined;
  #tail: Buffer = Buffer.alloc(0);
  #totalBytes = 0;

  constructor(declared: DiskFormat) {
    this.#declared = declared;
  }

  /** Takes the next bytes of the file; they are copied where they are kept. */
  push(chunk: Buffer): void {
    this.#totalBytes += chunk.length;
    this.#keepTail(chunk);
    const rest = this.#feeds === undefined ? this.#fillHead(chunk) : chunk;
    if (rest.length > 0) for (const feed of this.#feeds?.values() ?? []) feed.push(rest);
  }

  /** A reason to stop at once, when one is already known. */
  get refusal(): Refusal | undefined {
    if (this.#feeds === undefined) return undefined;
    for (const feed of this.#feeds.values()) if (feed.findings?.refusal !== undefined) return feed.findings.refusal;
    return checkDeclared(this.#declared, [...this.#feeds.keys()]);
  }

  /** Says that the file has ended, and gives the verdict. */
  finish(): Inspection {
    if (this.#feeds === undefined) this.#startReaders();
    const findings = new Map<Format['name'], Findings>();
    for (const [name, feed] of this.#feeds ?? []) findings.set(name, feed.finish(this.#tail));
    if (findings.size === 0 && this.#declared === 'vhd') this.#findFixedVhd(findings);
    const names = [...findings.keys()];
    const format = chooseFormat(names);
    const refused = [...findings.values()].find((found) => found.refusal !== undefined)?.refusal;
    return {
      format,
      virtualSizeBytes: this.#sizeFor(format, findings),
      isAsDeclared: UNSTRUCTURED.includes(this.#declared) ? RAW_LIKE.includes(format) : format === this.#declared,
      refusal: refused ?? checkDeclared(this.#declared, names),
    };
  }

  #fillHead(chunk: Buffer): Buffer {
    const take = Math.min(HEAD_BYTES - this.#headBytes, chunk.length);
    this.#headBytes += chunk.copy(this.#head, this.#headBytes, 0, take);
    if (this.#headBytes === HEAD_BYTES) this.#startReaders();
    return chunk.subarray(take);
  }

  #startReaders(): void {
    const head = this.#head.subarray(0, this.#headBytes);
    this.#feeds = new Map(
      FORMATS.filter((format) => format.matches(head)).map((format) => [
        format.name,
        new RangeFeed(format.read(), head),
      ]),
    );
  }

  #keepTail(chunk: Buffer): void {
    const ofChunk = chunk.subarray(Math.max(chunk.length - TAIL_BYTES, 0));
    const ofBefore = this.#tail.subarray(Math.max(this.#tail.length + ofChunk.length - TAIL_BYTES, 0));
    this.#tail = Buffer.concat([ofBefore, ofChunk]);
  }

  #findFixedVhd(findings: Map<Format['name'], Findings>): void {
    const found = new RangeFeed(readFixedVhd(), Buffer.alloc(0)).finish(this.#tail);
    if (found.refusal?.code !== 'image.content.mismatch') findings.set('vhd', found);
  }

  #sizeFor(format: ContentFormat, findings: ReadonlyMap<string, Findings>): number | null {
    if (UNSTRUCTURED.includes(this.#declared)) return this.#totalBytes;
    return format === this.#declared ? (findings.get(format)?.virtualSizeBytes ?? null) : null;
  }
}

/** A hybrid disc has a partition table in front of its file system, and is a disc all the same. */
function chooseFormat(names: readonly Format['name'][]): ContentFormat {
  return names.find((name) => name !== 'partitioned') ?? names[0] ?? 'raw';
}

function checkDeclared(declared: DiskFormat, names: readonly Format['name'][]): Refusal | undefined {
  const strict = names.filter((name) => name !== 'partitioned');
  if (strict.length > 1) {
    return {
      code: 'image.content.ambiguous',
      message: `The image is ${strict.join(' and ')} at once, which only happens on purpose; convert it with "qemu-img convert".`,
    };
  }
  const format = chooseFormat(names);
  const isFine = UNSTRUCTURED.includes(declared) ? RAW_LIKE.includes(format) : format === declared || format === 'raw';
  if (isFine) return undefined;
  const right = format === 'partitioned' || format === 'luks' ? 'raw' : format;
  return {
    code: 'image.content.mismatch',
    message: `The image was declared as ${declared}, but its content is ${format}; set disk_format to ${right}, or convert it.`,
  };
}
