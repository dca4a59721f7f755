import { type Duplex, duplexPair } from 'node:stream';

const WIDTH = 320;
const HEIGHT = 200;
/** A client that sends more than this without sense is cut off. */
const MAX_PENDING_BYTES = 64 * 1024;

/** Pixel format as the protocol's sixteen bytes: 32 bits, true colour, little-endian, 8 bits each of red, green, blue. */
const PIXEL_FORMAT = Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);

/**
 * The client's end of a VNC connection to a guest that shows one plain colour: enough for consoles to be tested.
 * @see RFC 6143, version 3.8 with security type None
 */
export function openFakeVnc(name: string): Duplex {
  const [client, server] = duplexPair();
  let pending: Buffer = Buffer.alloc(0);
  let bytesPerPixel = 4;
  let take = takeVersion;

  function hangUp(): void {
    client.destroy();
    server.destroy();
  }

  /** Each returns how many bytes it used, or 0 when it needs more. */
  function takeVersion(): number {
    if (pending.length < 12) return 0;
    server.write(Buffer.from([1, 1])); // one security type: None
    take = takeSecurityType;
    return 12;
  }
  function takeSecurityType(): number {
    if (pending.length < 1) return 0;
    server.write(Buffer.from([0, 0, 0, 0])); // security result: fine
    take = takeClientInit;
    return 1;
  }
  function takeClientInit(): number {
    if (pending.length < 1) return 0;
    const text = Buffer.from(name, 'utf8');
    const sizes = Buffer.alloc(4);
    sizes.writeUInt16BE(WIDTH, 0);
    sizes.writeUInt16BE(HEIGHT, 2);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    server.write(Buffer.concat([sizes, PIXEL_FORMAT, length, text]));
    take = takeMessage;
    return 1;
  }
  function takeMessage(): number {
    const length = messageLength(pending);
    if (length === undefined) {
      hangUp();
      return 0;
    }
    if (pending.length < length) return 0;
    if (pending[0] === 0) bytesPerPixel = (pending[4] ?? 32) / 8;
    if (pending[0] === 3 && pending[1] === 0) server.write(wholeScreen(bytesPerPixel));
    return length;
  }

  server.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (let used = take(); used > 0; used = pending.length > 0 ? take() : 0) pending = pending.subarray(used);
    if (pending.length > MAX_PENDING_BYTES) hangUp();
  });
  server.on('end', hangUp);
  client.on('close', hangUp);
  server.write('RFB 003.008\n');
  return client;
}

/** Length of the client's message at the start of `bytes`; undefined for one that there isn't. */
function messageLength(bytes: Buffer): number | undefined {
  switch (bytes[0]) {
    case 0: // SetPixelFormat
      return 20;
    case 2: // SetEncodings
      return bytes.length < 4 ? 4 : 4 + 4 * bytes.readUInt16BE(2);
    case 3: // FramebufferUpdateRequest
      return 10;
    case 4: // KeyEvent
      return 8;
    case 5: // PointerEvent
      return 6;
    case 6: // ClientCutText
      return bytes.length < 8 ? 8 : 8 + Math.abs(bytes.readInt32BE(4));
    default:
      return undefined;
  }
}

function wholeScreen(bytesPerPixel: number): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt16BE(1, 2); // one rectangle, raw
  header.writeUInt16BE(WIDTH, 8);
  header.writeUInt16BE(HEIGHT, 10);
  return Buffer.concat([header, Buffer.alloc(WIDTH * HEIGHT * bytesPerPixel, 0x40)]);
}
