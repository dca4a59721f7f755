/**
 * One connection to libvirt's daemon.
 *
 * Theory of operation. A message is a length, a header of six words and XDR. Calls carry a serial by which replies find
 * them, in any order, so that a slow call holds up no other. A call that meets its deadline is given up here; libvirt may
 * still carry it out, which callers must expect anyway. A broken stream, or a reply that makes no sense, ends the
 * connection and fails every call on it; whoever uses it opens another.
 */
import { connect, type Socket } from 'node:net';
import { DriverError } from '../../contract.ts';
import { LibvirtError } from './errors.ts';
import {
  authType,
  KEEPALIVE_PROGRAM,
  keepalive,
  messageStatus,
  messageType,
  PROGRAM_VERSION,
  type Procedure,
  procedure,
  REMOTE_PROGRAM,
} from './protocol.ts';
import { XdrReader, XdrWriter } from './xdr.ts';

/** A call's deadline when none is given. */
const DEFAULT_CALL_MS = 30_000;
/** The first client after libvirt's installation waits while it asks QEMU for its capabilities: 7.5 s and more. */
const OPEN_MS = 60_000;
const HEADER_BYTES = 28;
/** `VIR_NET_MESSAGE_MAX`: a longer message is a broken stream. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface RpcConnection {
  /**
   * Calls a procedure and returns its reply.
   * @throws {LibvirtError} what libvirt says; {@link DriverError} `libvirt.timeout`, `libvirt.closed`.
   */
  call(number: Procedure, args?: XdrWriter, options?: CallOptions): Promise<XdrReader>;
  /** Calls back with each event that was registered for. */
  onEvent(listener: (number: number, body: XdrReader) => void): void;
  /** Calls back once, when the connection is gone. */
  onClose(listener: () => void): void;
  readonly isOpen: boolean;
  close(): void;
}

interface Waiter {
  readonly resolve: (reply: XdrReader) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Connects to the daemon's socket and opens a hypervisor connection.
 * @param uri such as `qemu:///system`.
 * @throws {DriverError} `libvirt.unreachable`, `libvirt.auth` when the daemon wants a password.
 */
export async function openRpc(socketPath: string, uri: string, signal?: AbortSignal): Promise<RpcConnection> {
  const connection = startRpc(await connectSocket(socketPath, signal));
  try {
    const options = { timeoutMs: OPEN_MS, signal };
    const reply = await connection.call(procedure.authList, undefined, options);
    const offered = reply.list(() => reply.int());
    if (!offered.includes(authType.none)) {
      throw new DriverError('libvirt.auth', `libvirt at ${socketPath} wants a login: run the agent as root.`);
    }
    await connection.call(procedure.connectOpen, new XdrWriter().optionalString(uri).uint(0), options);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function startRpc(socket: Socket): RpcConnection {
  const waiting = new Map<number, Waiter>();
  const closeListeners: (() => void)[] = [];
  const eventListeners: ((number: number, body: XdrReader) => void)[] = [];
  let lastSerial = 0;
  let isOpen = true;

  function end(cause: unknown): void {
    if (!isOpen) return;
    isOpen = false;
    socket.destroy();
    const closed = new DriverError('libvirt.closed', 'The connection to libvirt was closed.', { cause });
    for (const waiter of waiting.values()) waiter.reject(closed);
    waiting.clear();
    for (const listener of closeListeners) listener();
  }

  function take(message: Buffer): void {
    const reader = new XdrReader(message);
    const [program, version, number, type, serial, status] = [
      reader.uint(),
      reader.uint(),
      reader.int(),
      reader.int(),
      reader.uint(),
      reader.int(),
    ];
    if (version !== PROGRAM_VERSION) throw new RangeError(`libvirt speaks version ${version} of its protocol`);
    if (program === KEEPALIVE_PROGRAM) {
      if (number === keepalive.ping) socket.write(frame(KEEPALIVE_PROGRAM, keepalive.pong, messageType.message, 0));
    } else if (type === messageType.message) {
      for (const listener of eventListeners) listener(number, reader);
    } else if (type === messageType.reply) {
      const waiter = waiting.get(serial);
      if (status === messageStatus.error) waiter?.reject(readError(reader));
      else waiter?.resolve(reader);
    }
  }

  socket.on('data', splitFrames(take, end));
  socket.on('error', end);
  socket.on('close', () => end(undefined));

  return {
    get isOpen() {
      return isOpen;
    },
    async call(number, args, options = {}) {
      if (!isOpen) throw new DriverError('libvirt.closed', 'The connection to libvirt is closed.');
      options.signal?.throwIfAborted();
      lastSerial = (lastSerial + 1) >>> 0;
      const serial = lastSerial;
      const timeoutMs = options.timeoutMs ?? DEFAULT_CALL_MS;
      let timer: NodeJS.Timeout | undefined;
      let onAbort: (() => void) | undefined;
      const reply = new Promise<XdrReader>((resolve, reject) => {
        waiting.set(serial, { resolve, reject });
        onAbort = () => reject(options.signal?.reason);
        options.signal?.addEventListener('abort', onAbort, { once: true });
        timer = setTimeout(() => {
          reject(new DriverError('libvirt.timeout', `libvirt did not answer within ${timeoutMs / 1000} s.`));
        }, timeoutMs);
        timer.unref();
      });
      socket.write(frame(REMOTE_PROGRAM, number, messageType.call, serial, args?.bytes()));
      try {
        return await reply;
      } finally {
        clearTimeout(timer);
        waiting.delete(serial);
        if (onAbort !== undefined) options.signal?.removeEventListener('abort', onAbort);
      }
    },
    onEvent: (listener) => void eventListeners.push(listener),
    onClose: (listener) => void closeListeners.push(listener),
    close: () => end(undefined),
  };
}

/** Cuts a stream into messages, without their lengths. */
function splitFrames(take: (message: Buffer) => void, fail: (error: unknown) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    try {
      while (rest.length >= 4) {
        const length = rest.readUInt32BE();
        if (length < HEADER_BYTES || length > MAX_MESSAGE_BYTES)
          throw new RangeError(`libvirt sent a message of ${length} bytes`);
        if (rest.length < length) return;
        take(rest.subarray(4, length));
        rest = rest.subarray(length);
      }
    } catch (error) {
      fail(error);
    }
  };
}

function frame(program: number, number: number, type: number, serial: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const header = [HEADER_BYTES + body.length, program, PROGRAM_VERSION, number, type, serial, messageStatus.ok];
  const writer = new XdrWriter();
  for (const word of header) writer.uint(word);
  return Buffer.concat([writer.bytes(), body]);
}

/** `virNetMessageError`: code, domain, message and more that says less. */
function readError(reader: XdrReader): LibvirtError {
  const code = reader.int();
  reader.int();
  const message = reader.optional(() => reader.string());
  return new LibvirtError(code, message ?? `libvirt error ${code}`);
}

function connectSocket(path: string, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = connect({ path, ...(signal === undefined ? {} : { signal }) });
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (cause) => {
      reject(new DriverError('libvirt.unreachable', `libvirt does not answer at ${path}.`, { cause }));
    });
  });
}
