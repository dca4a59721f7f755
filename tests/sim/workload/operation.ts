/** What operations of users are made of. */
import type { Entry, Kind, Ledger } from '../ledger.ts';
import type { Chance } from '../machine/chance.ts';
import type { SimAnswer, User, World } from '../world.ts';

/** One user's moment: everything that an operation decides, it decides by this chance. */
export interface Moment {
  readonly world: World;
  readonly ledger: Ledger;
  readonly chance: Chance;
  readonly user: User;
}

/** Does one thing, and returns it as a line of the history; undefined when there was nothing to do. */
export type Operation = (moment: Moment) => Promise<string | undefined>;

/** How often it's chosen among the others. */
export type Weighted = readonly [weight: number, name: string, operation: Operation];

export const isGood = (answer: SimAnswer | undefined): answer is SimAnswer =>
  answer !== undefined && answer.status < 300;

/** Whether it's sure that nothing was done. */
const isRefused = (answer: SimAnswer | undefined): boolean =>
  answer !== undefined && answer.status >= 400 && answer.status < 500;

export function pickFrom<T>(chance: Chance, list: readonly T[]): T | undefined {
  return list[chance.below(list.length)];
}

/** One of the user's own, seldom one of somebody else's or one that is gone. */
export function pickEntry({ chance, ledger, user }: Moment, kind: Kind): Entry | undefined {
  if (chance.percent(3))
    return pickFrom(
      chance,
      [...ledger.entries.values()].filter((entry) => entry.kind === kind),
    );
  return pickFrom(chance, ledger.living(kind, user.project));
}

/** How an answer looks in the history. */
export function told(line: string, body: unknown, answer: SimAnswer | undefined): string {
  const text = body === undefined || Buffer.isBuffer(body) ? '' : ` ${JSON.stringify(body)}`;
  const why = answer !== undefined && answer.status >= 400 ? ` ${answer.text.slice(0, 200)}` : '';
  return `${line}${text}: ${answer?.status ?? 'no answer'}${why}`;
}

export interface Asked {
  readonly service: string;
  readonly line: string;
  readonly body?: unknown;
}

/** Makes one thing and enters it. `read` finds its id in the answer. */
export async function make(
  moment: Moment,
  kind: Kind,
  asked: Asked,
  about: {
    // biome-ignore lint/suspicious/noExplicitAny: an answer's body
    readonly read: (body: any) => string; // oxlint-disable-line typescript/no-explicit-any
    readonly parents?: readonly string[];
    readonly fields?: Readonly<Record<string, unknown>>;
  },
): Promise<string> {
  const { world, ledger, user } = moment;
  const writes = Object.entries(about.fields ?? {}).map(([name, value]) => [name, ledger.begin(value)] as const);
  const answer = await world.ask(user, asked.service, asked.line, asked.body);
  if (isGood(answer)) {
    const entry = ledger.add({
      kind,
      id: about.read(answer.body),
      project: user.project,
      user: user.name,
      parents: about.parents ?? [],
    });
    for (const [name, write] of writes) {
      ledger.succeed(write);
      ledger.set(entry, name, write);
    }
  }
  return told(asked.line, asked.body, answer);
}

/** Deletes one thing. */
export async function remove(moment: Moment, entry: Entry, asked: Asked): Promise<string> {
  const { world, ledger, user } = moment;
  const write = ledger.begin(true as const);
  const mine = user.project === entry.project;
  if (mine) entry.deletions.push(write);
  const answer = await world.ask(user, asked.service, asked.line, asked.body);
  if (isGood(answer)) {
    if (!mine) world.brokenByRequests.push(`${asked.line} of somebody else was accepted with ${answer.status}`);
    ledger.succeed(write);
  } else if (isRefused(answer) && mine) entry.deletions.splice(entry.deletions.indexOf(write), 1);
  return told(asked.line, asked.body, answer);
}

/** Changes a field of one thing. */
export async function change(
  moment: Moment,
  entry: Entry,
  asked: Asked,
  fields: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { world, ledger, user } = moment;
  const mine = user.project === entry.project;
  const writes = Object.entries(fields).map(([name, value]) => [name, ledger.begin(value)] as const);
  if (mine) for (const [name, write] of writes) ledger.set(entry, name, write);
  const answer = await world.ask(user, asked.service, asked.line, asked.body);
  if (isGood(answer)) {
    if (!mine) world.brokenByRequests.push(`${asked.line} of somebody else was accepted with ${answer.status}`);
    for (const [, write] of writes) ledger.succeed(write);
  } else if (isRefused(answer) && mine) {
    for (const [name, write] of writes)
      entry.fields.set(
        name,
        (entry.fields.get(name) ?? []).filter((other) => other !== write),
      );
  }
  return told(asked.line, asked.body, answer);
}
