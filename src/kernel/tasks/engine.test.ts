import { afterEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '#tests/support/database.ts';
import { ManualClock } from '../clock.ts';
import type { Db } from '../db/database.ts';
import { inTransaction } from '../db/transaction.ts';
import { Conflict } from '../errors.ts';
import { silentLog } from '../log.ts';
import { createTaskEngine, type TaskEngine } from './engine.ts';
import { findTask } from './store.ts';
import { type TaskTables, taskMigrations } from './tables.ts';
import type { AnyTaskKind, TaskKind } from './task.ts';

const STEPS = ['first', 'second', 'third'] as const;
const MINUTE = 60_000;

/** What the steps change outside of the task's row. */
interface World {
  /** Steps whose effect is there. */
  readonly effects: Set<string>;
  readonly failures: string[];
  runs: number;
}

/** Where a controller dies, or what goes wrong, keyed `run first before`, `undo second after`, … */
type Trouble = (point: string) => Promise<void>;

function buildKind(world: World, trouble: Trouble): TaskKind<{ size: number }, Record<string, number>> {
  return {
    name: 'test.build',
    deadlineMs: 10 * MINUTE,
    steps: STEPS.map((name) => ({
      name,
      async run({ input }) {
        world.runs++;
        await trouble(`run ${name} before`);
        world.effects.add(name);
        await trouble(`run ${name} after`);
        return { [name]: input.size };
      },
      async undo() {
        await trouble(`undo ${name} before`);
        world.effects.delete(name);
        await trouble(`undo ${name} after`);
      },
    })),
    async onFailed(_run, error) {
      world.failures.push(error.code);
    },
  };
}

const open: Db[] = [];
const stops: AbortController[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort();
  for (const db of open.splice(0)) await db.destroy();
});

interface Lab {
  readonly db: Db;
  readonly clock: ManualClock;
  readonly world: World;
  controller(owner: string, trouble?: Trouble, incarnation?: number): { readonly engine: TaskEngine; kill(): void };
  enqueue(engine: TaskEngine, resourceId?: string, deadlineMs?: number): Promise<string>;
  stateOf(id: string): Promise<string | undefined>;
}

async function lab(): Promise<Lab> {
  const db = await openTestDatabase(taskMigrations);
  open.push(db);
  const clock = new ManualClock();
  const world: World = { effects: new Set(), failures: [], runs: 0 };
  return {
    db,
    clock,
    world,
    controller(id, trouble = async () => {}, incarnation = 1) {
      const engine = createTaskEngine({ db, clock, log: silentLog, owner: { id, incarnation } });
      const stop = new AbortController();
      stops.push(stop);
      // A killed controller does nothing any more, whatever it was about to do.
      const mortal: Trouble = (point) => (stop.signal.aborted ? new Promise(() => {}) : trouble(point));
      void engine.run([buildKind(world, mortal) as unknown as AnyTaskKind], stop.signal);
      return { engine, kill: () => stop.abort() };
    },
    enqueue: (engine, resourceId = 'r1', deadlineMs = 10 * MINUTE) =>
      inTransaction(db, (tx) =>
        engine.enqueue(tx, {
          name: 'test.build',
          resourceId,
          projectId: null,
          requestId: 'req-1',
          input: { size: 3 },
          deadlineMs,
        }),
      ),
    stateOf: async (id) => (await findTask(db as Db<TaskTables>, id))?.state,
  };
}

const POINTS = STEPS.flatMap((name) => [`run ${name} before`, `run ${name} after`]);
const UNDO_POINTS = STEPS.flatMap((name) => [`undo ${name} before`, `undo ${name} after`]);
const never = (): Promise<void> => new Promise(() => {});

describe('the task engine', () => {
  it('runs the steps in order and keeps what they find out', async () => {
    const { clock, controller, db, enqueue, world } = await lab();
    const id = await enqueue(controller('a').engine);
    await clock.advance(1);
    expect([...world.effects]).toEqual(STEPS);
    const row = await findTask(db as Db<TaskTables>, id);
    expect([row?.state, JSON.parse(row?.data ?? '')]).toEqual(['done', { first: 3, second: 3, third: 3 }]);
  });

  it('forgets a task whose transaction is rolled back', async () => {
    const { clock, controller, db, world } = await lab();
    const { engine } = controller('a');
    const failing = inTransaction(db, async (tx) => {
      await engine.enqueue(tx, {
        name: 'test.build',
        resourceId: 'r',
        projectId: null,
        requestId: 'q',
        input: { size: 1 },
        deadlineMs: MINUTE,
      });
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    await clock.advance(MINUTE);
    expect(world.runs).toBe(0);
  });

  it.each(POINTS)('is finished by another controller when the first dies at "%s"', async (deadly) => {
    const { clock, controller, enqueue, stateOf, world } = await lab();
    const first = controller('a', (point) => (point === deadly ? never() : Promise.resolve()));
    const id = await enqueue(first.engine);
    await clock.advance(1);
    first.kill();
    controller('b');
    await clock.advance(MINUTE);
    expect([await stateOf(id), [...world.effects].toSorted()]).toEqual(['done', [...STEPS].toSorted()]);
  });

  it.each(POINTS)(
    'is finished without waiting by the same controller started again after it died at "%s"',
    async (deadly) => {
      const { clock, controller, enqueue, stateOf, world } = await lab();
      const first = controller('a', (point) => (point === deadly ? never() : Promise.resolve()));
      const id = await enqueue(first.engine);
      await clock.advance(1);
      first.kill();
      controller('a', undefined, 2);
      await clock.advance(1);
      expect([await stateOf(id), [...world.effects].toSorted()]).toEqual(['done', [...STEPS].toSorted()]);
    },
  );

  it('leaves the tasks of a living controller alone when another one starts again', async () => {
    const { clock, controller, enqueue, world } = await lab();
    const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
    const living = controller('a', (point) => (point === 'run second before' ? gate : Promise.resolve()));
    await enqueue(living.engine);
    await clock.advance(1);
    controller('b', undefined, 7);
    await clock.advance(MINUTE);
    openGate();
    await clock.advance(1);
    expect(world.runs).toBe(3);
  });

  it('writes no progress for a start that another start of the same controller has followed', async () => {
    const { clock, controller, enqueue, stateOf, world } = await lab();
    const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
    let runs = 0;
    const gated: Trouble = async (point) => {
      if (point !== 'run first after') return;
      runs += 1;
      if (runs === 1) await gate;
    };
    const id = await enqueue(controller('a', gated).engine);
    await clock.advance(1);
    controller('a', undefined, 2);
    await clock.advance(1);
    openGate();
    await clock.advance(1);
    expect([await stateOf(id), world.runs]).toEqual(['done', 4]);
  });

  it.each(POINTS)('undoes everything when it is refused at "%s"', async (bad) => {
    const { clock, controller, enqueue, stateOf, world } = await lab();
    const refuse: Trouble = async (point) => {
      if (point === bad) throw new Conflict('test.refused', 'no');
    };
    const id = await enqueue(controller('a', refuse).engine);
    await clock.advance(1);
    expect([await stateOf(id), [...world.effects], world.failures]).toEqual(['failed', [], ['test.refused']]);
  });

  it.each(UNDO_POINTS)('goes on undoing when the controller dies at "%s"', async (deadly) => {
    const { clock, controller, enqueue, stateOf, world } = await lab();
    const trouble: Trouble = async (point) => {
      if (point === 'run third after') throw new Conflict('test.refused', 'no');
      if (point === deadly) await never();
    };
    const first = controller('a', trouble);
    const id = await enqueue(first.engine);
    await clock.advance(1);
    first.kill();
    controller('b');
    await clock.advance(MINUTE);
    expect([await stateOf(id), [...world.effects], world.failures]).toEqual(['failed', [], ['test.refused']]);
  });

  it.each(UNDO_POINTS)('repeats an undo that fails at "%s" until it works', async (bad) => {
    const { clock, controller, enqueue, stateOf, world } = await lab();
    let left = 3;
    const trouble: Trouble = async (point) => {
      if (point === 'run third after') throw new Conflict('test.refused', 'no');
      if (point === bad && left-- > 0) throw new Error('the host is away');
    };
    const id = await enqueue(controller('a', trouble).engine);
    await clock.advance(MINUTE);
    expect([await stateOf(id), [...world.effects]]).toEqual(['failed', []]);
  });

  it('tries a step again that failed for a passing reason', async () => {
    const { clock, controller, enqueue, stateOf } = await lab();
    let left = 3;
    const trouble: Trouble = async (point) => {
      if (point === 'run second before' && left-- > 0) throw new Error('busy');
    };
    const id = await enqueue(controller('a', trouble).engine);
    await clock.advance(MINUTE);
    expect(await stateOf(id)).toBe('done');
  });

  it('undoes what still waits at its deadline', async () => {
    const { clock, controller, enqueue, stateOf, world } = await lab();
    const trouble: Trouble = async (point) => {
      if (point === 'run second before') throw new Error('busy');
    };
    const id = await enqueue(controller('a', trouble).engine, 'r1', 2_000);
    await clock.advance(10 * MINUTE);
    expect([await stateOf(id), [...world.effects]]).toEqual(['failed', []]);
  });

  it('undoes a task that is cancelled between two steps', async () => {
    const { clock, controller, db, enqueue, stateOf, world } = await lab();
    const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
    const { engine } = controller('a', (point) => (point === 'run second before' ? gate : Promise.resolve()));
    const id = await enqueue(engine);
    await clock.advance(1);
    await engine.cancel(db, 'r1');
    openGate();
    await clock.advance(1_000);
    expect([await stateOf(id), [...world.effects], world.failures]).toEqual(['failed', [], ['task.cancelled']]);
  });

  it('lets tasks of one resource wait for each other, and others not', async () => {
    const { clock, controller, enqueue, stateOf } = await lab();
    const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
    let isFirst = true;
    const { engine } = controller('a', async (point) => {
      if (point !== 'run first before' || !isFirst) return;
      isFirst = false;
      await gate;
    });
    const before = await enqueue(engine, 'r1');
    const after = await enqueue(engine, 'r1');
    const other = await enqueue(engine, 'r2');
    await clock.advance(2_000);
    expect([await stateOf(before), await stateOf(after), await stateOf(other)]).toEqual(['pending', 'pending', 'done']);
    openGate();
    await clock.advance(2_000);
    expect([await stateOf(before), await stateOf(after)]).toEqual(['done', 'done']);
  });

  it('never has two controllers on one task while the lease is renewed', async () => {
    const { clock, controller, enqueue, world } = await lab();
    const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
    const first = controller('a', (point) => (point === 'run second before' ? gate : Promise.resolve()));
    await enqueue(first.engine);
    controller('b');
    await clock.advance(5 * MINUTE);
    openGate();
    await clock.advance(MINUTE);
    expect(world.runs).toBe(3);
  });
});
