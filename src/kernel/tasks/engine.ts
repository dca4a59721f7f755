/**
 * Runs tasks: what must happen once, across services, whatever dies in the middle.
 *
 * Theory of operation. A task is a row: which step comes next, in which direction, and who holds it until when. The
 * row is written in the same transaction as the API resource that it is about, so there is no accepted request without
 * its task. A controller takes a lease on the row, runs the step, writes the progress under the condition that the lease is
 * still its own, and goes on. If it dies, the lease runs out and another one runs the same step again; therefore steps and
 * undos can be repeated. A step that fails for good, a cancellation and the deadline all turn the direction round: every
 * step begun is undone, last one first, each until it works. A task of a resource waits for the earlier ones of that
 * resource, so a delete never races with the build before it.
 *
 * A controller that starts again does not wait for the leases of its own earlier starts, which it knows to be dead
 * (`kernel/db/instance.ts`): it takes them back at once. Each start leases under a name of its own, so that whatever an
 * earlier one might still write finds that the lease is no longer its own.
 *
 * Owner: the lease's holder. Next try: `next_try_at`. End: `deadline_at`, then undo.
 */
import type { Clock } from '../clock.ts';
import type { Db } from '../db/database.ts';
import type { Incarnation } from '../db/instance.ts';
import { fromJson, toJson } from '../db/json.ts';
import { afterCommit } from '../db/open-transaction.ts';
import { CloudError, errorChain } from '../errors.ts';
import { newUuid } from '../ids.ts';
import type { Log } from '../log.ts';
import {
  deleteFinished,
  findTask,
  hasEarlierUnfinished,
  insertTask,
  lastSequence,
  listDue,
  listFinished,
  listOlderThan,
  listUnfinished,
  markCancelled,
  markKindsCancelled,
  nextDueAt,
  renewLeases,
  type StoredStatus,
  saveProgress,
  takeBackLeases,
  takeLease,
} from './store.ts';
import type { TaskError, TaskRow, TaskTables } from './tables.ts';
import type { AnyTaskKind, NewTask, TaskKind, TaskRun, TaskStatus, Tasks } from './task.ts';

/** A dead controller's tasks wait this long for another. Shorter risks running a slow step twice at once. */
const LEASE_MS = 30_000;
/** Tasks under way at once in one controller. More only queue up for the one database. */
const MAX_RUNNING = 64;
/** First wait after a failed try; doubles up to the longest. */
const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 60_000;
/** How often a step is tried before its task is undone. Undos have no such limit. */
const MAX_ATTEMPTS = 8;
/** How often the table is looked at for what other controllers left. */
const SCAN_MS = 1_000;
/** Why the engine looks before its time; an abort without a reason makes an error with a stack each time. */
const WOKEN = 'woken';
/** Finished tasks are kept this long for those who ask what happened. */
const KEEP_FINISHED_MS = 7 * 24 * 3600 * 1000;

export interface TaskEngine extends Tasks {
  /** Runs tasks of these kinds until `signal` aborts, then waits for the steps under way. */
  run(kinds: readonly AnyTaskKind[], signal: AbortSignal): Promise<void>;
  /** How many tasks this controller has under way. */
  readonly running: number;
}

export function createTaskEngine(parts: {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  /** Which start of which controller this is; no two that live may have the same id. */
  readonly owner: Incarnation;
}): TaskEngine {
  const { clock, log } = parts;
  const owner = `${parts.owner.id}#${parts.owner.incarnation}`;
  const db = parts.db as Db<TaskTables>;
  const running = new Map<string, Promise<void>>();
  let kinds: ReadonlyMap<string, TaskKind> = new Map();
  let stop: AbortSignal = AbortSignal.abort();
  let wake = new AbortController();

  const nowMs = (): number => clock.now().getTime();

  async function enqueue<Input>(tx: Db<TaskTables>, task: NewTask<Input>): Promise<string> {
    const now = nowMs();
    const sequence = (await lastSequence(tx, task.resourceId)) + 1;
    const isOursAtOnce = !stop.aborted && kinds.has(task.name) && running.size < MAX_RUNNING;
    const row: TaskRow = {
      id: newUuid(),
      kind: task.name,
      resource_id: task.resourceId,
      project_id: task.projectId,
      request_id: task.requestId,
      state: 'pending',
      direction: 'forward',
      step: 0,
      input: toJson(task.input),
      data: '{}',
      error: null,
      is_cancelled: 0,
      attempts: 0,
      next_try_at: now,
      deadline_at: now + task.deadlineMs,
      lease_owner: isOursAtOnce ? owner : null,
      lease_until: isOursAtOnce ? now + LEASE_MS : 0,
      sequence,
      created_at: now,
      updated_at: now,
    };
    await insertTask(tx, row);
    afterCommit(() => {
      if (isOursAtOnce) start(row);
      else wake.abort(WOKEN);
    });
    return row.id;
  }

  function start(row: TaskRow): void {
    if (stop.aborted || running.has(row.id)) return;
    const work = runTask(row)
      .catch((error: unknown) =>
        log.error({ task: row.id, kind: row.kind, error: errorChain(error) }, 'task engine failed on a task'),
      )
      .finally(() => {
        running.delete(row.id);
        wake.abort(WOKEN);
      });
    running.set(row.id, work);
  }

  /** Carries one task as far as it will go: to its end, to a wait, or to the loss of its lease. */
  async function runTask(first: TaskRow): Promise<void> {
    let row: TaskRow | undefined = first;
    if (first.sequence > 1 && (await hasEarlierUnfinished(db, first.resource_id, first.sequence))) {
      await saveProgress(db, first.id, owner, { lease_owner: null, lease_until: 0, next_try_at: nowMs() });
      return;
    }
    while (row !== undefined && row.state === 'pending' && !stop.aborted) row = await advance(row);
  }

  /** Runs or undoes one step. Returns the task as it stands then, or undefined when this controller must let go of it. */
  async function advance(row: TaskRow): Promise<TaskRow | undefined> {
    const kind = kinds.get(row.kind);
    if (kind === undefined) return undefined;
    if (row.direction === 'undo') return undoStep(kind, row);
    const reason = await reasonToTurnBack(row);
    if (reason !== undefined) return turnBack(kind, row, reason);
    const step = kind.steps[row.step];
    if (step === undefined) return save(row, { state: 'done', lease_owner: null, lease_until: 0 });
    try {
      const found = await step.run(runOf(row));
      const data = found === undefined ? row.data : toJson({ ...(fromJson(row.data) as object), ...(found as object) });
      const isLast = row.step + 1 >= kind.steps.length;
      const ending = isLast ? ({ state: 'done', lease_owner: null, lease_until: 0 } as const) : {};
      return await save(row, { step: row.step + 1, data, attempts: 0, ...ending });
    } catch (error) {
      return failStep(kind, row, step.name, error);
    }
  }

  async function reasonToTurnBack(row: TaskRow): Promise<TaskError | undefined> {
    if (nowMs() > row.deadline_at) {
      return {
        code: 'task.deadline',
        message: `Not done within ${Math.round((row.deadline_at - row.created_at) / 1000)} s.`,
        step: '',
      };
    }
    const isCancelled = row.is_cancelled === 1 || (row.step > 0 && (await findTask(db, row.id))?.is_cancelled === 1);
    return isCancelled ? { code: 'task.cancelled', message: 'Cancelled.', step: '' } : undefined;
  }

  async function failStep(kind: TaskKind, row: TaskRow, step: string, error: unknown): Promise<TaskRow | undefined> {
    const attempts = row.attempts + 1;
    const isFinal = (error instanceof CloudError && error.status < 500) || attempts >= MAX_ATTEMPTS;
    const failure: TaskError = {
      code: error instanceof CloudError ? error.code : 'task.step_failed',
      message:
        error instanceof CloudError ? error.message : 'An unexpected error; the log has it under the request id.',
      step,
    };
    log.warn(
      {
        task: row.id,
        kind: row.kind,
        resource: row.resource_id,
        requestId: row.request_id,
        step,
        attempts,
        isFinal,
        error: errorChain(error),
      },
      'task step failed',
    );
    return isFinal ? turnBack(kind, row, failure) : wait(row, attempts, failure);
  }

  function turnBack(kind: TaskKind, row: TaskRow, error: TaskError): Promise<TaskRow | undefined> {
    // The step under way may have run in part: it's the first to be undone.
    const step = Math.min(row.step, kind.steps.length - 1);
    return save(row, {
      direction: 'undo',
      step,
      attempts: 0,
      error: row.error !== null && error.code === 'task.deadline' ? row.error : toJson(error),
    });
  }

  async function undoStep(kind: TaskKind, row: TaskRow): Promise<TaskRow | undefined> {
    const step = kind.steps[row.step];
    const error: TaskError =
      row.error === null ? { code: 'task.cancelled', message: 'Cancelled.', step: '' } : fromJson(row.error);
    try {
      if (step !== undefined) {
        await step.undo?.(runOf(row));
        return await save(row, { step: row.step - 1, attempts: 0 });
      }
      await kind.onFailed?.(runOf(row), error);
      return await save(row, { state: 'failed', lease_owner: null, lease_until: 0 });
    } catch (undoError) {
      const name = step?.name ?? 'report failure';
      log.error(
        { task: row.id, kind: row.kind, resource: row.resource_id, step: name, error: errorChain(undoError) },
        'undo failed, will be tried again',
      );
      return wait(row, row.attempts + 1, error);
    }
  }

  async function wait(row: TaskRow, attempts: number, error: TaskError): Promise<undefined> {
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(attempts - 1, 20), MAX_BACKOFF_MS);
    await save(row, {
      attempts,
      error: toJson(error),
      lease_owner: null,
      lease_until: 0,
      next_try_at: nowMs() + backoffMs,
    });
    return undefined;
  }

  async function save(row: TaskRow, patch: Partial<TaskRow>): Promise<TaskRow | undefined> {
    const now = nowMs();
    const lease = patch.lease_owner === null ? {} : { lease_until: now + LEASE_MS };
    const whole = { ...lease, ...patch, updated_at: now };
    return (await saveProgress(db, row.id, owner, whole)) ? { ...row, ...whole } : undefined;
  }

  function runOf(row: TaskRow): TaskRun<unknown, unknown> {
    return {
      id: row.id,
      resourceId: row.resource_id,
      projectId: row.project_id,
      requestId: row.request_id,
      input: fromJson(row.input),
      data: fromJson(row.data) as object,
      deadlineAt: row.deadline_at,
      log: log.child({ task: row.id, kind: row.kind, requestId: row.request_id }),
      signal: stop,
    };
  }

  function withStepName(task: StoredStatus): TaskStatus {
    return { ...task, stepName: kinds.get(task.name)?.steps[task.step]?.name ?? null };
  }

  async function pickUp(): Promise<void> {
    const room = MAX_RUNNING - running.size;
    if (room <= 0) return;
    const now = nowMs();
    for (const row of await listDue(db, now, room)) {
      if (running.has(row.id) || !kinds.has(row.kind)) continue;
      if (await takeLease(db, row, owner, now, now + LEASE_MS))
        start({ ...row, lease_owner: owner, lease_until: now + LEASE_MS });
    }
  }

  async function housekeeping(): Promise<void> {
    await renewLeases(db, owner, [...running.keys()], nowMs() + LEASE_MS);
    await deleteFinished(db, nowMs() - KEEP_FINISHED_MS);
  }

  return {
    enqueue,
    cancel: async (tx, resourceId) => {
      await markCancelled(tx, resourceId, nowMs());
      afterCommit(() => wake.abort(WOKEN));
    },
    cancelKinds: async (tx, resourceId, names) => {
      const marked = await markKindsCancelled(tx, resourceId, names, nowMs());
      afterCommit(() => wake.abort());
      return marked;
    },
    listUnfinished: async (from, resourceId) => (await listUnfinished(from, resourceId)).map(withStepName),
    listFinished: async (from, resourceId, limit) => (await listFinished(from, resourceId, limit)).map(withStepName),
    listOlderThan: async (from, beforeMs, limit) => (await listOlderThan(from, beforeMs, limit)).map(withStepName),
    get running() {
      return running.size;
    },
    async run(all, signal) {
      kinds = new Map(all.map((kind) => [kind.name, kind as unknown as TaskKind]));
      stop = signal;
      let tidiedMs = clock.monotonicMs();
      let isTakenBack = false;
      while (!signal.aborted) {
        wake = new AbortController();
        try {
          if (!isTakenBack) await takeBackLeases(db, `${parts.owner.id}#`, owner);
          isTakenBack = true;
          await pickUp();
          if (clock.monotonicMs() - tidiedMs > LEASE_MS / 3) {
            tidiedMs = clock.monotonicMs();
            await housekeeping();
          }
        } catch (error) {
          log.error({ error: errorChain(error) }, 'task engine could not look for work');
        }
        const dueMs = ((await nextDueAt(db).catch(() => undefined)) ?? Number.POSITIVE_INFINITY) - nowMs();
        const waitMs = dueMs > 0 ? Math.min(SCAN_MS, dueMs) : SCAN_MS;
        await clock.sleep(waitMs, AbortSignal.any([signal, wake.signal]));
      }
      await Promise.all(running.values());
    },
  };
}
