/**
 * What the users were told: which resources they have, which they have given up, and what they have set on them.
 *
 * A request that was answered has happened between its asking and its answer; one that was not answered may have happened at any time
 * since its asking, or never. From that follows what may be true later, and the ledger says so: a register with unknown writes, as
 * Jepsen's checkers have it, small enough to be read.
 */
export type Kind =
  | 'server'
  | 'port'
  | 'network'
  | 'subnet'
  | 'router'
  | 'floatingip'
  | 'security-group'
  | 'security-group-rule'
  | 'keypair'
  | 'image'
  | 'server-group';

/** One try to set something. */
interface Write<T> {
  readonly value: T;
  readonly begin: number;
  /** Infinite when no answer was heard. */
  end: number;
}

export interface Entry {
  readonly kind: Kind;
  readonly id: string;
  readonly project: string;
  /** Who asked for it. */
  readonly user: string;
  /** What it is gone with. */
  readonly parents: readonly string[];
  readonly deletions: Write<true>[];
  readonly fields: Map<string, Write<unknown>[]>;
}

export interface Ledger {
  readonly entries: Map<string, Entry>;
  add(entry: Pick<Entry, 'kind' | 'id' | 'project' | 'user'> & { readonly parents?: readonly string[] }): Entry;
  /** Resources of a kind that nobody has tried to delete, of one project unless it is undefined. */
  living(kind: Kind, project?: string): Entry[];
  /** Notes a try; what it returns notes how it went. */
  begin<T>(value: T): Write<T>;
  succeed(write: Write<unknown>): void;
  /** Whether it must be there, must not be there, or may be. */
  expected(entry: Entry): 'there' | 'gone' | 'either';
  /** What a field may be; undefined when nobody has set it. */
  possible(entry: Entry, field: string): readonly unknown[] | undefined;
  set(entry: Entry, field: string, write: Write<unknown>): void;
}

export function createLedger(): Ledger {
  const entries = new Map<string, Entry>();
  let moment = 0;

  const ledger: Ledger = {
    entries,
    add({ parents = [], ...rest }) {
      const entry: Entry = { ...rest, parents, deletions: [], fields: new Map() };
      entries.set(entry.id, entry);
      return entry;
    },
    living: (kind, project) =>
      [...entries.values()].filter(
        (entry) =>
          entry.kind === kind &&
          (project === undefined || entry.project === project) &&
          ledger.expected(entry) === 'there',
      ),
    begin: (value) => ({ value, begin: ++moment, end: Number.POSITIVE_INFINITY }),
    succeed(write) {
      write.end = ++moment;
    },
    expected(entry) {
      const own = entry.deletions.some(({ end }) => Number.isFinite(end))
        ? 'gone'
        : entry.deletions.length > 0
          ? 'either'
          : 'there';
      const parents = entry.parents.flatMap((id) => {
        const parent = entries.get(id);
        return parent === undefined ? [] : [ledger.expected(parent)];
      });
      const all = [own, ...parents];
      return all.includes('gone') ? 'gone' : all.includes('either') ? 'either' : 'there';
    },
    possible(entry, field) {
      const writes = entry.fields.get(field);
      // before the first that was answered it had a value that nobody noted
      if (writes?.some(({ end }) => Number.isFinite(end)) !== true) return undefined;
      return writes
        .filter((one) => !writes.some((later) => Number.isFinite(later.end) && later.begin > one.end))
        .map(({ value }) => value);
    },
    set(entry, field, write) {
      const writes = entry.fields.get(field) ?? [];
      entry.fields.set(field, [...writes, write]);
    },
  };
  return ledger;
}
