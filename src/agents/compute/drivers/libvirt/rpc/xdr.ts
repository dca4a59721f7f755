/**
 * XDR (RFC 4506), as far as libvirt's remote protocol uses it. Everything is big-endian and padded to four bytes.
 */

/** No string or list of libvirt's protocol may be longer (`REMOTE_STRING_MAX`): a longer one is a broken message. */
const MAX_STRING_BYTES = 4 * 1024 * 1024;
/** `REMOTE_CONNECT_GET_ALL_DOMAIN_STATS_MAX`, the longest list of the protocol. */
const MAX_LIST_ITEMS = 262_144;

/** Collects the arguments of a call. */
export class XdrWriter {
  readonly #parts: Buffer[] = [];

  int(value: number): this {
    const part = Buffer.allocUnsafe(4);
    part.writeInt32BE(value);
    this.#parts.push(part);
    return this;
  }

  uint(value: number): this {
    const part = Buffer.allocUnsafe(4);
    part.writeUInt32BE(value);
    this.#parts.push(part);
    return this;
  }

  /** Bytes of a length that both sides know. */
  opaque(bytes: Buffer): this {
    this.#parts.push(bytes, Buffer.alloc(padding(bytes.length)));
    return this;
  }

  string(text: string): this {
    const bytes = Buffer.from(text, 'utf8');
    if (bytes.length > MAX_STRING_BYTES)
      throw new RangeError(`a string of ${bytes.length} bytes is too long for libvirt`);
    return this.uint(bytes.length).opaque(bytes);
  }

  /** A string that may be absent. */
  optionalString(text: string | undefined): this {
    return text === undefined ? this.uint(0) : this.uint(1).string(text);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Reads a reply. @throws {RangeError} when the message is shorter than it says, or longer than the protocol allows. */
export class XdrReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int(): number {
    return this.#take(4).readInt32BE();
  }

  uint(): number {
    return this.#take(4).readUInt32BE();
  }

  hyper(): bigint {
    return this.#take(8).readBigInt64BE();
  }

  uhyper(): bigint {
    return this.#take(8).readBigUInt64BE();
  }

  double(): number {
    return this.#take(8).readDoubleBE();
  }

  opaque(length: number): Buffer {
    const bytes = this.#take(length);
    this.#take(padding(length));
    return bytes;
  }

  string(): string {
    const length = this.uint();
    if (length > MAX_STRING_BYTES) throw new RangeError(`libvirt sent a string of ${length} bytes`);
    return this.opaque(length).toString('utf8');
  }

  optional<T>(read: () => T): T | undefined {
    return this.uint() === 0 ? undefined : read();
  }

  list<T>(read: () => T): T[] {
    const length = this.uint();
    if (length > MAX_LIST_ITEMS) throw new RangeError(`libvirt sent a list of ${length} items`);
    return Array.from({ length }, read);
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('libvirt sent a message that ends too early');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}

function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}
