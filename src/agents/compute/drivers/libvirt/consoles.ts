import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { DriverError } from '../contract.ts';

/** The end of a guest's console log. libvirt's log daemon begins a new file at 2 MiB and calls the one before `.0`. */
export async function readConsole(path: string, maxBytes: number): Promise<Buffer> {
  const newest = await readTail(path, maxBytes);
  if (newest.length >= maxBytes) return newest;
  return Buffer.concat([await readTail(`${path}.0`, maxBytes - newest.length), newest]);
}

async function readTail(path: string, maxBytes: number): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.min(size, maxBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0); // never started
    throw error;
  }
}

/** A connection to a guest's VNC server. @throws {DriverError} `guest.vnc`. */
export function openVncSocket(path: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (cause) =>
      reject(new DriverError('guest.vnc', 'The guest does not take a console connection.', { cause })),
    );
  });
}
