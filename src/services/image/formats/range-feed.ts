import { type Findings, MAX_RANGE_BYTES, type Reader, type Wanted } from './format.ts';

/**
 * Runs one reader over a stream that is seen only once.
 * It is given the kept head first, then every later byte in order, and at the end the last bytes of the file.
 */
export class RangeFeed {
  readonly #reader: Reader;
  readonly #head: Buffer;
  #position: number;
  #wanted: Wanted | undefined;
  /** Holds the wanted range while it comes; at most {@link MAX_RANGE_BYTES}. */
  #range = Buffer.alloc(0);
  #have = 0;
  #findings: Findings | undefined;

  /** @param head the file's first bytes, all that has passed so far. */
  constructor(reader: Reader, head: Buffer) {
    this.#reader = reader;
    this.#head = head;
    this.#position = head.length;
    this.#advance(this.#reader.next());
  }

  /** What the reader returned, once it has. */
  get findings(): Findings | undefined {
    return this.#findings;
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && this.#wanted !== undefined && !('last' in this.#wanted)) {
      const start = this.#wanted.offset + this.#have;
      const skip = Math.min(Math.max(start - this.#position, 0), rest.length);
      const take = Math.min(this.#wanted.length - this.#have, rest.length - skip);
      if (take > 0) this.#keep(rest.subarray(skip, skip + take));
      this.#position += skip + take;
      rest = rest.subarray(skip + take);
      if (this.#have === this.#wanted.length) this.#answer();
    }
    this.#position += rest.length;
  }

  /** Says that the file has ended, and with which bytes. */
  finish(tail: Buffer): Findings {
    while (this.#findings === undefined) {
      const wanted = this.#wanted;
      if (wanted !== undefined && 'last' in wanted) this.#keep(tail.subarray(Math.max(tail.length - wanted.last, 0)));
      this.#answer();
    }
    return this.#findings;
  }

  #keep(bytes: Buffer): void {
    this.#have += bytes.copy(this.#range, this.#have);
  }

  #answer(): void {
    const bytes = this.#range.subarray(0, this.#have);
    this.#have = 0;
    this.#wanted = undefined;
    this.#advance(this.#reader.next(bytes));
  }

  #advance(step: IteratorResult<Wanted, Findings>): void {
    if (step.done === true) {
      this.#findings = step.value;
      return;
    }
    this.#wanted = step.value;
    const length = 'last' in step.value ? step.value.last : step.value.length;
    if (!(length >= 1 && length <= MAX_RANGE_BYTES)) throw new RangeError(`a reader asked for ${length} bytes`);
    this.#range = Buffer.alloc(length);
    if ('last' in step.value) return;
    const { offset } = step.value;
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`a reader asked for bytes at ${offset}`);
    if (offset < this.#head.length) this.#keep(this.#head.subarray(offset, offset + length));
    // What has already passed and was not kept cannot be had any more: the reader is given nothing.
    const isGone = offset + this.#have < this.#position && this.#have < length;
    if (isGone || this.#have === length) this.#answer();
  }
}
