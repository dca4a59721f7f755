/**
 * Making what SQLite has committed survive a power cut, many commits at a time and off the event loop.
 *
 * Theory of operation. SQLite's own way (`synchronous = full`) waits for the disk inside each commit, and with it everybody
 * in this process. Here a commit only writes to the write-ahead log, whose frames have checksums; who has promised something to
 * somebody outside (an answer to a request, a host's desired state) waits for {@link LogSync.reached} before saying so. One
 * flush of the log serves all that waited when it began. A power cut before it loses what nobody has been told of, and never
 * the end without what was before it.
 * @see https://www.sqlite.org/wal.html, "Performance Considerations"
 */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../files.ts';

export interface LogSync {
  /** Something was written to the log. */
  wrote(): void;
  /** Resolves when all that was written before the call is on the disk. Rejects when the disk cannot be written. */
  reached(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Watches over the write-ahead log of one database. SQLite keeps the file as long as the database is open.
 * @param file the log: `pileus.sqlite-wal`.
 */
export function createLogSync(file: string): LogSync {
  let written = 0;
  let synced = 0;
  let handle: FileHandle | undefined;
  let flushing: Promise<void> | undefined;

  async function flush(): Promise<void> {
    const until = written;
    if (handle === undefined) {
      handle = await open(file, 'r+');
      await syncFolder(dirname(file));
    }
    await handle.datasync();
    synced = until;
  }

  return {
    wrote() {
      written += 1;
    },
    async reached() {
      const wanted = written;
      while (synced < wanted) {
        flushing ??= flush().finally(() => {
          flushing = undefined;
        });
        await flushing;
      }
    },
    async close() {
      await flushing?.catch(() => {});
      await handle?.close();
      handle = undefined;
    },
  };
}
