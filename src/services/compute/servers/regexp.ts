/**
 * Regular expressions from users, matched in time linear to the text whatever the pattern (an automaton, no
 * backtracking): `GET /servers?name=` once let one caller stop a database (OSSA-2014-038).
 *
 * Known are literals, `.`, classes, groups, `|`, `*`, `+`, `?`, `^`, `$` and `\` before a sign or one of `dDwWsS`;
 * counted repetition is not.
 */
import { BadRequest } from '#kernel/errors.ts';

/** The longest pattern; names are no longer. */
const MAX_PATTERN = 255;

type Test = (char: string) => boolean;
type Node =
  | { readonly type: 'char'; readonly test: Test }
  | { readonly type: 'start' | 'end' | 'empty' }
  | { readonly type: 'sequence' | 'either'; readonly parts: readonly Node[] }
  | { readonly type: 'repeat'; readonly part: Node; readonly min: 0 | 1; readonly isMany: boolean };

interface State {
  /** Consumes one character, or undefined: goes on without. */
  test?: Test;
  at?: 'start' | 'end';
  next: State[];
}

/**
 * Compiles a pattern into a function that says whether it is found in a text, in any case of letters.
 * @throws {BadRequest} `compute.invalid_input` for a pattern that is none.
 */
export function compilePattern(pattern: string): (text: string) => boolean {
  if (pattern.length > MAX_PATTERN) throw invalid(pattern);
  const first = pattern.startsWith('*') ? pattern.slice(1) : pattern;
  const accept: State = { next: [] };
  const start = build(parse(first), accept);
  return (text) => run(start, accept, text);
}

function invalid(pattern: string): BadRequest {
  return new BadRequest(
    'compute.invalid_input',
    `Invalid filter: '${pattern.slice(0, 100)}' is not a regular expression that is understood here.`,
  );
}

function parse(pattern: string): Node {
  const original = Array.from(pattern);
  const chars = original.map((char) => char.toLowerCase());
  let at = 0;

  function either(): Node {
    const parts = [sequence()];
    while (chars[at] === '|') {
      at += 1;
      parts.push(sequence());
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { type: 'either', parts };
  }

  function sequence(): Node {
    const parts: Node[] = [];
    while (at < chars.length && chars[at] !== '|' && chars[at] !== ')') parts.push(repeated(atom()));
    return { type: 'sequence', parts };
  }

  function repeated(part: Node): Node {
    let node = part;
    for (;;) {
      const sign = chars[at];
      if (sign !== '*' && sign !== '+' && sign !== '?') return node;
      at += 1;
      node = { type: 'repeat', part: node, min: sign === '+' ? 1 : 0, isMany: sign !== '?' };
    }
  }

  function atom(): Node {
    const char = chars[at];
    at += 1;
    switch (char) {
      case '(':
        return group();
      case '[':
        return { type: 'char', test: charClass() };
      case '.':
        return { type: 'char', test: () => true };
      case '^':
        return { type: 'start' };
      case '$':
        return { type: 'end' };
      case '\\':
        return { type: 'char', test: escape() };
      case '*':
      case '+':
      case '?':
      case undefined:
        throw invalid(pattern);
      default:
        return { type: 'char', test: (other) => other === char };
    }
  }

  function group(): Node {
    if (chars[at] === '?') {
      if (chars[at + 1] !== ':') throw invalid(pattern);
      at += 2;
    }
    const node = either();
    if (chars[at] !== ')') throw invalid(pattern);
    at += 1;
    return node;
  }

  function escape(): Test {
    const char = original[at];
    at += 1;
    const classes: Readonly<Record<string, Test>> = {
      d: (c) => /\d/.test(c),
      D: (c) => /\D/.test(c),
      w: (c) => /\w/.test(c),
      W: (c) => /\W/.test(c),
      s: (c) => /\s/.test(c),
      S: (c) => /\S/.test(c),
    };
    if (char === undefined) throw invalid(pattern);
    const known = classes[char];
    if (known !== undefined) return known;
    if (/[A-Za-z0-9]/.test(char)) throw invalid(pattern);
    return (other) => other === char;
  }

  function charClass(): Test {
    const isNegated = chars[at] === '^';
    if (isNegated) at += 1;
    const tests: Test[] = [];
    for (let isFirst = true; isFirst || chars[at] !== ']'; isFirst = false) {
      const low = chars[at];
      at += 1;
      if (low === undefined) throw invalid(pattern);
      if (low === '\\') {
        tests.push(escape());
        continue;
      }
      const high = chars[at] === '-' && chars[at + 1] !== ']' ? chars[at + 1] : undefined;
      if (high !== undefined) at += 2;
      if (high !== undefined && high < low) throw invalid(pattern);
      tests.push((c) => c >= low && c <= (high ?? low));
    }
    at += 1;
    return (c) => tests.some((test) => test(c)) !== isNegated;
  }

  const node = either();
  if (at < chars.length) throw invalid(pattern);
  return node;
}

function build(node: Node, next: State): State {
  switch (node.type) {
    case 'char':
      return { test: node.test, next: [next] };
    case 'start':
    case 'end':
      return { at: node.type, next: [next] };
    case 'empty':
      return next;
    case 'sequence':
      return node.parts.reduceRight((after, part) => build(part, after), next);
    case 'either':
      return { next: node.parts.map((part) => build(part, next)) };
    case 'repeat': {
      const loop: State = { next: [next] };
      const body = build(node.part, node.isMany ? loop : next);
      loop.next = [body, next];
      return node.min === 1 ? body : loop;
    }
  }
}

function run(start: State, accept: State, text: string): boolean {
  const chars = Array.from(text, (char) => char.toLowerCase());
  let current = new Set<State>();
  for (let i = 0; i <= chars.length; i++) {
    // A match may begin anywhere.
    const open = [start, ...current];
    const reached = new Set<State>();
    while (open.length > 0) {
      const state = open.pop();
      if (state === undefined || reached.has(state)) continue;
      if (state.at === 'start' && i !== 0) continue;
      if (state.at === 'end' && i !== chars.length) continue;
      reached.add(state);
      if (state.test === undefined) open.push(...state.next);
    }
    if (reached.has(accept)) return true;
    const char = chars[i];
    if (char === undefined) return false;
    current = new Set([...reached].filter((state) => state.test?.(char) === true).flatMap((state) => state.next));
  }
  return false;
}
