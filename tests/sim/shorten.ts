/**
 * Makes a story that fails shorter, as long as it fails in the same way (delta debugging: rounds first, then ever smaller
 * parts of the events).
 */
import { realMs } from './machine/machine.ts';
import { type Outcome, perform } from './perform.ts';
import type { Round, Story, StoryEvent } from './story.ts';

export interface Short {
  readonly story: Story;
  readonly outcome: Outcome;
  readonly events: number;
}

interface Placed {
  readonly round: number;
  readonly event: StoryEvent;
}

const placesOf = (story: Story): Placed[] =>
  story.rounds.flatMap(({ events }, round) => events.map((event) => ({ round, event })));

function without(story: Story, gone: ReadonlySet<StoryEvent>): Story {
  return {
    ...story,
    rounds: story.rounds.map((round) => ({ ...round, events: round.events.filter((event) => !gone.has(event)) })),
  };
}

/** Tries for so long, in real milliseconds. */
export async function shorten(story: Story, outcome: Outcome, budgetMs: number): Promise<Short> {
  const endMs = realMs() + budgetMs;
  const failure = outcome.broken[0]?.check;
  let best = { story, outcome };

  async function attempt(next: Story): Promise<boolean> {
    if (realMs() > endMs) return false;
    const result = await perform(next);
    if (!result.broken.some(({ check }) => check === failure)) return false;
    best = { story: next, outcome: result };
    return true;
  }

  // whole rounds: the last one alone, or without some of those before it
  for (let round = story.rounds.length - 1; round > 0; round--)
    if (best.story.rounds.length > 1) await attempt({ ...best.story, rounds: dropRound(best.story.rounds, round - 1) });
  if (best.story.controllers > 1) await attempt({ ...best.story, controllers: 1 });
  for (let parts = 2; realMs() < endMs; ) {
    const all = placesOf(best.story);
    const size = Math.ceil(all.length / parts);
    let isShorter = false;
    for (let start = 0; start < all.length && realMs() < endMs; start += size) {
      const gone = new Set(all.slice(start, start + size).map(({ event }) => event));
      if (await attempt(without(best.story, gone))) isShorter = true;
    }
    if (isShorter && parts > 2) parts = Math.max(2, parts - 1);
    else if (size <= 1) {
      if (!isShorter) break;
    } else if (!isShorter) parts = Math.min(parts * 2, all.length);
  }
  return { ...best, events: placesOf(best.story).length };
}

function dropRound(rounds: readonly Round[], index: number): Round[] {
  return rounds.filter((_, i) => i !== index);
}
