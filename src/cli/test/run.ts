import { words as say } from '../language.ts';
import { findRoot } from '../root.ts';
import { STAGES, type Stage, seconds } from './stages.ts';
import { addTallies, formatTally, type Tally } from './tally.ts';

/** A stage and what it is to run; nothing is all of it. */
export interface ChosenStage {
  readonly stage: Stage;
  readonly args: readonly string[];
}

/** The one stage that takes arguments: all that follow its name. */
const WITH_ARGUMENTS = 'conformance';

/**
 * The stages of these names, in the order in which they run; all of them for no name or `all`. What follows `conformance` says
 * which of its tests run.
 * @throws for a name that no stage has.
 */
export function chooseStages(words: readonly string[], options: readonly string[] = []): readonly ChosenStage[] {
  const known = STAGES.map((stage) => stage.name);
  const at = words.indexOf(WITH_ARGUMENTS);
  const names = at === -1 ? words : words.slice(0, at + 1);
  const rest = at === -1 ? [] : words.slice(at + 1);
  // `conformance fast` are two stages, as they always were.
  const args = rest.every((word) => known.includes(word)) ? [] : rest;
  const all = args.length === 0 ? words : names;
  const unknown = all.filter((name) => name !== 'all' && !known.includes(name));
  if (unknown.length > 0)
    throw new Error(
      say({
        en: `There is no stage ${unknown.join(', ')}; choose from ${known.join(', ')}, all.`,
        zh: `没有阶段 ${unknown.join('、')}；可选：${known.join('、')}、all。`,
      }),
    );
  const isEvery = all.length === 0 || all.includes('all');
  return STAGES.filter(({ name }) => isEvery || all.includes(name)).map((stage) => ({
    stage,
    args: stage.name === WITH_ARGUMENTS ? [...options, ...args] : [],
  }));
}

/**
 * Runs the stages one after the other, all of them even when one fails, and prints the totals as the last line.
 * @returns whether nothing failed.
 */
export async function runStages(stages: readonly ChosenStage[]): Promise<boolean> {
  const root = findRoot();
  const lines: string[] = [];
  const tallies: Tally[] = [];
  for (const [index, { stage, args }] of stages.entries()) {
    console.log(`\n[${index + 1}/${stages.length}] ${stage.title}`);
    const startMs = performance.now();
    const tally = await stage.run(root, args);
    tallies.push(tally);
    lines.push(`${stage.title.padEnd(26)} ${formatTally(tally)} (${seconds(startMs)})`);
  }
  const total = addTallies(tallies);
  console.log(`\n${lines.join('\n')}\n\n${formatTally(total)}`);
  return total.failed === 0;
}
