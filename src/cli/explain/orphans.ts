import { systemClock } from '#kernel/clock.ts';
import { terminalLanguage, type Words, words } from '../language.ts';
import { timeAgo } from './render.ts';
import { reach } from './run.ts';

export interface OrphansOptions {
  readonly data?: string;
  readonly clear?: boolean;
}

interface ToldOrphan {
  readonly check: string;
  readonly id: string;
  readonly what: Words;
  readonly why: Words;
  readonly since: string | null;
  readonly is_clearable: boolean;
}

type Reference = Pick<ToldOrphan, 'check' | 'id'>;

/** Prints what no one owns; exit code 1 when something is left of it. @throws {Error} when there is no cloud, or it does not run. */
export async function orphans(options: OrphansOptions): Promise<void> {
  const cloud = await reach(options);
  const { orphans: found } = await cloud.get<{ orphans: ToldOrphan[] }>('operations', '/v1/orphans');
  if (found.length === 0) {
    process.stdout.write(`✓ ${words({ en: 'nothing: everything has an owner', zh: '没有：一切都有归属' })}\n`);
    return;
  }
  const isCleared = options.clear === true ? await clear(found) : () => false;
  process.stdout.write(renderOrphans(found, isCleared, systemClock.now().getTime()));
  const left = found.filter((orphan) => !isCleared(orphan));
  if (left.length === 0) return;
  process.exitCode = 1;
  if (options.clear !== true && left.some((orphan) => orphan.is_clearable))
    process.stdout.write(
      `→ ${words({ en: 'pileus orphans --clear removes those with ✗', zh: 'pileus orphans --clear 清除带 ✗ 的各项' })}\n`,
    );

  async function clear(listed: readonly ToldOrphan[]): Promise<(orphan: Reference) => boolean> {
    const wanted = listed.filter((orphan) => orphan.is_clearable).map(({ check, id }) => ({ check, id }));
    const { cleared } = await cloud.delete<{ cleared: Reference[] }>('operations', '/v1/orphans', {
      orphans: wanted.slice(0, MAX_CLEARED),
    });
    const keys = new Set(cleared.map(({ check, id }) => `${check} ${id}`));
    return ({ check, id }) => keys.has(`${check} ${id}`);
  }
}

/** What one request may clear; the next run clears the others. */
const MAX_CLEARED = 1_000;

/** One line each: ✓ cleared, ✗ can be cleared, i wants a person. @param nowMs what times are told against. */
function renderOrphans(found: readonly ToldOrphan[], isCleared: (orphan: Reference) => boolean, nowMs: number): string {
  const language = terminalLanguage();
  return found
    .map((orphan) => {
      const sign = isCleared(orphan) ? '✓' : orphan.is_clearable ? '✗' : 'i';
      const since = orphan.since === null ? '' : ` (${timeAgo(orphan.since, nowMs, language)})`;
      return `${sign} ${orphan.what[language]}${since}\n    ${orphan.why[language]}  [${orphan.check}]\n`;
    })
    .join('');
}
