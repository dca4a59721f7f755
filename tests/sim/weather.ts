/** Bad times: for a while, things of one kind fail, wait, get lost or come twice, each by chance. */
import { type Chance, createChance } from './machine/chance.ts';
import type { FileFate, FileOperation } from './machine/disk.ts';

export interface Weather {
  readonly name: string;
  readonly chance: Chance;
  readonly endMs: number;
  /** Of a hundred: messages of agents that do not arrive, whose answers do not, that come twice, that are late. */
  readonly drop?: number;
  readonly lose?: number;
  readonly repeat?: number;
  readonly late?: number;
  /** Hosts whose messages do not arrive at all, and those that hear no answers. */
  readonly cutUp?: ReadonlySet<string>;
  readonly cutDown?: ReadonlySet<string>;
  /** Of a hundred: statements that fail and those that are slow. */
  readonly failStatement?: number;
  readonly slowStatement?: number;
  /** Of a hundred: operations on disks that fail, and those that are slow. */
  readonly failFile?: number;
  readonly fileCode?: string;
  readonly slowFile?: number;
  /** Of a hundred: calls to drivers that fail before or after they did something, those that are slow, and those that hang. */
  readonly failDriver?: number;
  readonly slowDriver?: number;
  readonly hangDriver?: number;
  /** Of a hundred: answers that users do not hear. */
  readonly loseUsers?: number;
}

export type MessageFate = 'drop' | 'lose' | 'repeat' | undefined;

/** What becomes of one message. */
export interface MessageFates {
  readonly fate: MessageFate;
  readonly delayMs: number;
}

const WRITES: ReadonlySet<FileOperation> = new Set(['open', 'write', 'sync', 'mkdir']);

/** Why a cut or lost message is noticed: at once, or when patience ends. */
const DELAYS_MS = 60_000;

export interface Sky {
  readonly weathers: Weather[];
  message(hostId: string): MessageFates;
  statement(sql: string): string | number | undefined;
  file(operation: FileOperation, path: string): FileFate;
  driver(): 'fail before' | 'fail after' | number | undefined;
  isUserDeaf(): boolean;
  clear(): void;
}

export function createSky(nowMs: () => number): Sky {
  const weathers: Weather[] = [];
  const current = (): Weather[] => {
    const now = nowMs();
    for (let i = weathers.length - 1; i >= 0; i--) if ((weathers[i] as Weather).endMs <= now) weathers.splice(i, 1);
    return weathers;
  };
  return {
    weathers,
    message(hostId) {
      let fate: MessageFate;
      let delayMs = 0;
      for (const { chance, drop = 0, lose = 0, repeat = 0, late = 0, cutUp, cutDown } of current()) {
        const dice = chance.unit() * 100;
        if (cutUp?.has(hostId) === true || dice < drop) fate = 'drop';
        else if (cutDown?.has(hostId) === true || dice < drop + lose) fate ??= 'lose';
        else if (dice < drop + lose + repeat) fate ??= 'repeat';
        if (chance.percent(late)) delayMs += Math.floor(chance.unit() ** 3 * DELAYS_MS);
      }
      return { fate, delayMs };
    },
    statement() {
      for (const { chance, failStatement = 0, slowStatement = 0 } of current()) {
        if (chance.percent(failStatement)) return chance.percent(50) ? 'SQLITE_BUSY' : 'SQLITE_IOERR';
        if (chance.percent(slowStatement)) return Math.floor(chance.unit() ** 2 * 400);
      }
      return undefined;
    },
    file(operation) {
      for (const { chance, failFile = 0, slowFile = 0, fileCode = 'EIO' } of current()) {
        const isHit = chance.percent(failFile);
        // a full disk still reads, renames and removes
        if (isHit && (fileCode !== 'ENOSPC' || WRITES.has(operation))) return fileCode;
        if (chance.percent(slowFile)) return Math.floor(chance.unit() ** 2 * 5_000);
      }
      return undefined;
    },
    driver() {
      for (const { chance, failDriver = 0, slowDriver = 0, hangDriver = 0 } of current()) {
        if (chance.percent(failDriver)) return chance.percent(50) ? 'fail before' : 'fail after';
        if (chance.percent(hangDriver)) return 3_600_000;
        if (chance.percent(slowDriver)) return Math.floor(chance.unit() ** 2 * 20_000);
      }
      return undefined;
    },
    isUserDeaf: () => current().some(({ chance, loseUsers = 0 }) => chance.percent(loseUsers)),
    clear: () => void weathers.splice(0),
  };
}

/** The kinds of bad times, with what they need to know. */
export const WEATHERS: Readonly<Record<string, (chance: Chance, hostIds: readonly string[]) => Partial<Weather>>> = {
  'messages get lost': () => ({ drop: 8, lose: 8, repeat: 4, late: 10, loseUsers: 5 }),
  'messages are late': () => ({ late: 60, repeat: 10 }),
  'a host is not heard': (chance, hostIds) => ({ cutUp: new Set([pickOf(chance, hostIds)]) }),
  'a host does not hear': (chance, hostIds) => ({ cutDown: new Set([pickOf(chance, hostIds)]) }),
  'a host is cut off': (chance, hostIds) => {
    const hosts = new Set([pickOf(chance, hostIds)]);
    return { cutUp: hosts, cutDown: hosts };
  },
  'the database is slow': () => ({ slowStatement: 20 }),
  'the database fails': () => ({ failStatement: 1, slowStatement: 5 }),
  'disks are slow': () => ({ slowFile: 30 }),
  'disks are full': () => ({ failFile: 20, fileCode: 'ENOSPC' }),
  'disks fail': () => ({ failFile: 8 }),
  'drivers fail': () => ({ failDriver: 15, slowDriver: 10 }),
  'drivers are slow': () => ({ slowDriver: 60 }),
  'drivers hang': () => ({ hangDriver: 4, slowDriver: 10 }),
};

export function makeWeather(parts: {
  readonly name: string;
  readonly seed: number;
  readonly nowMs: number;
  readonly hostIds: readonly string[];
}): Weather {
  const chance = createChance(parts.seed);
  const make = WEATHERS[parts.name];
  if (make === undefined) throw new Error(`no weather ${parts.name}`);
  const lengthMs = 1_000 + Math.floor(chance.unit() ** 2 * 180_000);
  return { name: parts.name, chance, endMs: parts.nowMs + lengthMs, ...make(chance, parts.hostIds) };
}

function pickOf<T>(chance: Chance, list: readonly T[]): T {
  return list[chance.below(list.length)] as T;
}
