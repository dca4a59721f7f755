/**
 * Who a controller is over all its starts: the owner of a data folder.
 *
 * Theory of operation. The folder holds a small database of its own with an id, made once, and the number of the present start. The
 * process that runs has it locked exclusively, by a lock of the kernel that goes with the process, however that ends. So whoever gets
 * the lock knows that every earlier start of the same id is dead, and may take over at once what those had leased.
 */
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import Sqlite from 'better-sqlite3';
import type { Clock } from '../clock.ts';
import { newUuid } from '../ids.ts';

/** One start of one controller. */
export interface Incarnation {
  /** The data folder's. */
  readonly id: string;
  /** Counts the starts, from 1. */
  readonly incarnation: number;
}

export interface Instance extends Incarnation {
  /** Lets go of the folder; the end of the process does it too. */
  release(): void;
}

/** A controller that was told to end, or whose parent was killed, closes its connections for some seconds. Longer only delays the refusal. */
const PATIENCE_MS = 15_000;
const LOOK_AGAIN_MS = 50;

interface InstanceRow {
  readonly id: string;
  readonly incarnation: number;
  readonly place: string;
}

/**
 * Takes the folder for this process, for as long as it lives.
 *
 * A copied folder (its file is another one, or it is on another machine) gets an id of its own: two may then be alive at once.
 * @param file `instance.sqlite` in the folder, which must exist; nothing else in this process may open it.
 * @throws {Error} when another living process has it and does not end soon.
 */
export async function claimInstance(file: string, clock: Clock): Promise<Instance> {
  const endMs = clock.monotonicMs() + PATIENCE_MS;
  for (;;) {
    const claimed = tryToClaim(file);
    if (claimed !== undefined) return claimed;
    if (clock.monotonicMs() > endMs)
      throw new Error(
        `another controller works in this folder: its lock on ${file} is held (fuser ${file} says by whom)`,
      );
    await clock.sleep(LOOK_AGAIN_MS);
  }
}

function tryToClaim(file: string): Instance | undefined {
  const sqlite = new Sqlite(file, { timeout: 0 });
  try {
    // The lock of the first transaction is kept when that ends.
    sqlite.pragma('locking_mode = EXCLUSIVE');
    const claim = sqlite.transaction(() => nextIncarnation(sqlite, file)).exclusive;
    return { ...claim(), release: () => void sqlite.close() };
  } catch (error) {
    sqlite.close();
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined;
    throw error;
  }
}

function nextIncarnation(sqlite: Sqlite.Database, file: string): Incarnation {
  sqlite.exec(
    'create table if not exists instance (id text not null, incarnation integer not null, place text not null)',
  );
  const before = sqlite.prepare<[], InstanceRow>('select * from instance').get();
  const place = `${hostname()}:${statSync(file).ino}`;
  const next =
    before?.place === place
      ? { id: before.id, incarnation: before.incarnation + 1 }
      : { id: newUuid(), incarnation: 1 };
  sqlite.exec('delete from instance');
  sqlite.prepare('insert into instance values (?, ?, ?)').run(next.id, next.incarnation, place);
  return next;
}
