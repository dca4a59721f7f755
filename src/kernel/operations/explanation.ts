/**
 * What each service tells those who ask why something is as it is (`pileus explain`), and what it lets them end.
 *
 * A service answers for its own resources and knows nothing of the others': the controller asks one after the other.
 */
import type { RequestContext } from '../auth/context.ts';
import type { EpochMs } from '../db/json.ts';
import type { TaskStatus } from '../tasks/task.ts';

/** One thing said to a person, in both languages. */
export interface Words {
  readonly en: string;
  readonly zh: string;
}

/** Who takes the next step. */
export type StepOwner =
  | {
      readonly kind: 'task';
      /** Such as `compute.server.build`. */
      readonly task: string;
      /** In words: `choose host`; null when the task is past its last one, or not known to this controller. */
      readonly step: string | null;
      readonly direction: 'forward' | 'undo';
      /** The controller that works on it now; null while none does. For administrators. */
      readonly controller: string | null;
    }
  | {
      readonly kind: 'agent';
      /** For administrators, like its id. */
      readonly host: string | null;
      readonly hostId: string | null;
      readonly isUp: boolean;
      readonly lastSeenAt: EpochMs | null;
      /** The number of what the host is to be, and the newest one that it has reported to have seen. */
      readonly desiredRevision: number | null;
      readonly reportedRevision: number | null;
    }
  | { readonly kind: 'writer'; readonly writer: string }
  /** The controllers' own looking after things, which needs nobody to ask. */
  | { readonly kind: 'controller' }
  /** Whoever the resource belongs to. */
  | { readonly kind: 'user' };

export interface Failure {
  readonly code: string;
  readonly message: string;
  /** Names hosts or their insides: for administrators. */
  readonly isInternal?: boolean;
}

/** One thing that a resource waits for. */
export interface Wait {
  readonly what: Words;
  readonly since: EpochMs | null;
  /** When it is given up; null when it may wait for ever, as for its user. */
  readonly until: EpochMs | null;
  readonly owner: StepOwner;
  readonly nextTryAt: EpochMs | null;
  /** How often the present step has failed. */
  readonly attempts: number;
  readonly lastFailure: Failure | null;
}

/** One thing that was done before, newest first in lists. */
export interface PastWork {
  readonly what: string;
  readonly startedAt: EpochMs;
  readonly endedAt: EpochMs | null;
  readonly outcome: 'done' | 'failed' | 'unfinished';
  /** Which step failed. */
  readonly step: string | null;
  readonly failure: Failure | null;
  readonly requestId: string | null;
}

export interface Explanation {
  /** Service and noun: `compute.server`. */
  readonly type: string;
  readonly id: string;
  readonly name: string | null;
  /** Null for what belongs to no project: only administrators are told of it. */
  readonly projectId: string | null;
  /** In the words of its API: `ACTIVE`, `BUILD (spawning)`, `queued`. */
  readonly state: string;
  /** Whether it stays so until somebody asks for something. */
  readonly isFinal: boolean;
  readonly waits: readonly Wait[];
  readonly history: readonly PastWork[];
  /** What the reader can do. */
  readonly nextStep: Words;
}

/** What became of a request to cancel or force. */
export interface Ending {
  /** `nothing`: there was nothing under way to end, or it is ending already. */
  readonly outcome: 'accepted' | 'nothing';
  readonly message: Words;
}

/** What nobody owns. */
export interface Orphan {
  /** The check's name for it, unique in the check. */
  readonly id: string;
  readonly what: Words;
  readonly why: Words;
  readonly since: EpochMs | null;
}

/** One way for something to be owned by nobody. */
export interface OrphanCheck {
  /** `compute.guest_without_server`. */
  readonly name: string;
  /** At most `limit` of them. Reads only, and may read whole tables: it runs when somebody asks. */
  find(limit: number): Promise<readonly Orphan[]>;
  /**
   * Looks once more whether it still is an orphan, and removes it in the same transaction (or where what makes it one cannot end).
   * False: it is none any more, and nothing was done. Absent where a person has to decide.
   */
  clear?(id: string): Promise<boolean>;
}

/** A service's part of `/operations/v1`. Ids that it does not know are undefined. */
export interface ServiceOperations {
  explain(id: string): Promise<Explanation | undefined>;
  /**
   * Turns back what is under way. @throws {Conflict} where that cannot be turned back, saying what can be done.
   */
  cancel?(ctx: RequestContext, id: string): Promise<Ending | undefined>;
  /** Ends what is under way now, whoever is waited for. */
  force?(ctx: RequestContext, id: string): Promise<Ending | undefined>;
  readonly orphans?: readonly OrphanCheck[];
}

/** Nothing was under way. */
export const NOTHING_TO_END: Ending = {
  outcome: 'nothing',
  message: { en: 'nothing is under way', zh: '没有正在进行的操作' },
};

const NOTHING_TO_DO: Words = { en: 'nothing: it is at rest', zh: '无需操作：它处于静止状态' };

/** The explanation of what nobody works on: it is as it was made. */
export function atRest(
  known: Pick<Explanation, 'type' | 'id' | 'name' | 'projectId'> & Partial<Explanation>,
): Explanation {
  return { state: 'at rest', isFinal: true, waits: [], history: [], nextStep: NOTHING_TO_DO, ...known };
}

/** A task that is not finished, as something waited for. */
export function waitForTask(task: TaskStatus, what: Words): Wait {
  return {
    what,
    since: task.createdAt,
    // what is undone is undone until it works
    until: task.direction === 'forward' ? task.deadlineAt : null,
    owner: {
      kind: 'task',
      task: task.name,
      step: task.stepName,
      direction: task.direction,
      controller: task.leaseOwner,
    },
    nextTryAt: task.leaseOwner === null ? task.nextTryAt : null,
    attempts: task.attempts,
    lastFailure: task.error === null ? null : { code: task.error.code, message: task.error.message },
  };
}

/** A task that has ended. */
export function pastTask(task: TaskStatus): PastWork {
  return {
    what: task.name,
    startedAt: task.createdAt,
    endedAt: task.updatedAt,
    outcome: task.state === 'done' ? 'done' : 'failed',
    step: task.error === null || task.error.step === '' ? null : task.error.step,
    failure: task.error === null ? null : { code: task.error.code, message: task.error.message },
    requestId: task.requestId,
  };
}
