import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Exec } from '#kernel/exec.ts';
import type { Machine } from './finding.ts';

/** This machine. */
export function thisMachine(exec: Exec): Machine {
  return {
    exec,
    isRoot: process.getuid?.() === 0,
    readFile(path) {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return undefined;
      }
    },
    tryListen,
    diskSpace(path) {
      let at = path;
      while (!existsSync(at)) at = dirname(at);
      const { bavail, blocks, bsize } = statfsSync(at);
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    },
  };
}

/** Listens on a TCP port and lets it go again. @returns the system's code where that fails, such as `EADDRINUSE`. */
export function tryListen(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host: address, port }, () => server.close(() => resolve(undefined)));
  });
}
