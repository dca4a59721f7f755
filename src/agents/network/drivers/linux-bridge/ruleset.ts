/**
 * nftables tables as data, and the scripts that bring them about: whole, or the difference between two. Pure.
 *
 * The difference costs a seventh of the whole with 200 ports (figures in docs/decisions). Either is one transaction.
 */
import { shortHash } from './names.ts';

/** One line of a script; `owner` names the port or group that is to blame when nft refuses it. */
export interface ScriptLine {
  readonly text: string;
  readonly owner?: string | undefined;
}

export interface Chain {
  readonly name: string;
  /** Such as `type filter hook forward priority filter; policy accept;`, or null for a chain that others jump to. */
  readonly hook: string | null;
  readonly rules: readonly ScriptLine[];
}

/** A set or a map, with its elements as nft writes them. */
export interface ElementSet {
  readonly name: string;
  readonly kind: 'set' | 'map';
  /** Such as `ifname : verdict`. */
  readonly type: string;
  readonly isInterval: boolean;
  readonly elements: readonly string[];
}

export interface Table {
  readonly family: 'bridge' | 'inet';
  readonly name: string;
  readonly sets: readonly ElementSet[];
  readonly chains: readonly Chain[];
}

/** The chain whose only rule carries the hash; nothing jumps to it, and listing it is cheap. */
export const STAMP_CHAIN = 'stamp';

/** The hash of all that the tables contain. */
export function hashOf(tables: readonly Table[]): string {
  return shortHash(
    tables
      .flatMap(tableLines)
      .map((line) => line.text)
      .join('\n'),
  );
}

/** Replaces the tables, whatever was there. */
export function wholeScript(tables: readonly Table[], hash: string): readonly ScriptLine[] {
  return tables.flatMap((table) => [
    // Adding first makes the deletion succeed whether the table exists or not.
    { text: `table ${table.family} ${table.name}` },
    { text: `delete table ${table.family} ${table.name}` },
    ...tableLines({ ...table, chains: [...table.chains, stampChain(hash)] }),
  ]);
}

/** Turns tables that are just as `before` into `after`; only what differs is touched. */
export function differenceScript(
  before: readonly Table[],
  after: readonly Table[],
  hash: string,
): readonly ScriptLine[] {
  return after.flatMap((table) => {
    const old = before.find((other) => other.family === table.family && other.name === table.name);
    return old === undefined ? [] : tableDifference(old, { ...table, chains: [...table.chains, stampChain(hash)] });
  });
}

/** What a listing of the stamp says, or null. */
export function readStamp(text: string): string | null {
  return /comment "([0-9a-f]+)"/.exec(text)?.[1] ?? null;
}

function stampChain(hash: string): Chain {
  return { name: STAMP_CHAIN, hook: null, rules: [{ text: `accept comment "${hash}"` }] };
}

function tableLines(table: Table): readonly ScriptLine[] {
  return [
    { text: `table ${table.family} ${table.name} {` },
    ...table.sets.map((set) => ({ text: `${set.kind} ${set.name} { ${setBody(set)} }` })),
    ...table.chains.flatMap((chain) => [
      { text: `chain ${chain.name} {` },
      ...(chain.hook === null ? [] : [{ text: chain.hook }]),
      ...chain.rules,
      { text: '}' },
    ]),
    { text: '}' },
  ];
}

function setBody(set: ElementSet): string {
  const flags = set.isInterval ? ' flags interval;' : '';
  const elements = set.elements.length === 0 ? '' : ` elements = { ${set.elements.join(', ')} };`;
  return `type ${set.type};${flags}${elements}`;
}

/** In the order that keeps every reference valid: what is referred to comes first and goes last. */
function tableDifference(before: Table, after: Table): readonly ScriptLine[] {
  const where = `${after.family} ${after.name}`;
  const oldSets = new Map(before.sets.map((set) => [set.name, set]));
  const newSets = new Map(after.sets.map((set) => [set.name, set]));
  const oldChains = new Map(before.chains.map((chain) => [chain.name, chain]));
  const newChains = new Map(after.chains.map((chain) => [chain.name, chain]));
  const addedSets = after.sets.filter((set) => !oldSets.has(set.name));
  const goneSets = before.sets.filter((set) => !newSets.has(set.name));
  const addedChains = after.chains.filter((chain) => !oldChains.has(chain.name) && chain.name !== STAMP_CHAIN);
  const goneChains = before.chains.filter((chain) => !newChains.has(chain.name));
  const changedChains = after.chains.filter((chain) => isChanged(oldChains.get(chain.name), chain));
  const kept = after.sets.flatMap((set) => {
    const old = oldSets.get(set.name);
    return old === undefined ? [] : [{ set, ...elementChanges(old, set) }];
  });
  return [
    ...addedSets.map((set) => ({ text: `add ${set.kind} ${where} ${set.name} { ${setBody(set)} }` })),
    ...addedChains.map((chain) => ({ text: `add chain ${where} ${chain.name}` })),
    ...kept.flatMap(({ set, gone }) => elementLine('delete', where, set.name, gone)),
    ...[...changedChains, ...goneChains]
      .filter((chain) => !addedChains.includes(chain))
      .map((chain) => ({ text: `flush chain ${where} ${chain.name}` })),
    ...changedChains.flatMap((chain) =>
      chain.rules.map((rule) => ({ ...rule, text: `add rule ${where} ${chain.name} ${rule.text}` })),
    ),
    ...kept.flatMap(({ set, added }) => elementLine('add', where, set.name, added)),
    ...goneChains.map((chain) => ({ text: `delete chain ${where} ${chain.name}` })),
    ...goneSets.map((set) => ({ text: `delete ${set.kind} ${where} ${set.name}` })),
  ];
}

function isChanged(before: Chain | undefined, after: Chain): boolean {
  if (before === undefined) return true;
  if (before.rules.length !== after.rules.length) return true;
  return before.rules.some((rule, index) => rule.text !== after.rules[index]?.text);
}

function elementChanges(
  before: ElementSet,
  after: ElementSet,
): { readonly added: readonly string[]; readonly gone: readonly string[] } {
  const old = new Set(before.elements);
  const wanted = new Set(after.elements);
  return {
    added: after.elements.filter((one) => !old.has(one)),
    gone: before.elements.filter((one) => !wanted.has(one)),
  };
}

function elementLine(verb: string, where: string, name: string, elements: readonly string[]): readonly ScriptLine[] {
  return elements.length === 0 ? [] : [{ text: `${verb} element ${where} ${name} { ${elements.join(', ')} }` }];
}
