import { findRoot } from '../root.ts';
import { STAGES, type Stage, seconds } from './stages.ts';
import { addTallies, formatTally, type Tally } from './tally.ts';

/**
 * The stages of these names, in the order in which they run; all of them for no name or `all`.
 * @throws for a name that no stage has.
 */
export function chooseStages(names: readonly string[]): readonly Stage[] {
  const known = STAGES.map((stage) => stage.name);
  const unknown = names.filter((name) => name !== 'all' && !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`There is no stage ${unknown.join(', ')}; choose from ${known.join(', ')}, all.`);
  if (names.length === 0 || names.includes('all')) return STAGES;
  return STAGES.filter((stage) => names.includes(stage.name));
}

/**
 * Runs the stages one after the other, all of them even when one fails, and prints the totals as the last line.
 * @returns whether nothing failed.
 */
export async function runStages(stages: readonly Stage[]): Promise<boolean> {
  const root = findRoot();
  const lines: string[] = [];
  const tallies: Tally[] = [];
  for (const [index, stage] of stages.entries()) {
    console.log(`\n[${index + 1}/${stages.length}] ${stage.title}`);
    const startMs = performance.now();
    const tally = await stage.run(root);
    tallies.push(tally);
    lines.push(`${stage.title.padEnd(26)} ${formatTally(tally)} (${seconds(startMs)})`);
  }
  const total = addTallies(tallies);
  console.log(`\n${lines.join('\n')}\n\n${formatTally(total)}`);
  return total.failed === 0;
}
