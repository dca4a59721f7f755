/** What a task is made of: a table of steps, each with its undo. The engine that runs them is `engine.ts`. */
import type { Db } from '../db/database.ts';
import type { Log } from '../log.ts';
import type { TaskError, TaskTables } from './tables.ts';

/** A kind of task by name, carrying the type of its input. */
export type TaskName<Input> = string & { readonly __input?: (input: Input) => void };

/** One run of a task, as its steps see it. */
export interface TaskRun<Input, Data> {
  readonly id: string;
  readonly resourceId: string;
  readonly projectId: string | null;
  readonly requestId: string;
  readonly input: Input;
  /** What the steps before have returned, merged. */
  readonly data: Partial<Data>;
  /** Milliseconds since 1970. */
  readonly deadlineAt: number;
  readonly log: Log;
  /** Aborts when the controller stops. A lost lease is noticed when the step's progress is written. */
  readonly signal: AbortSignal;
}

/**
 * One step. It may run again after it has run, or after part of it has: it must then do no harm and end the same.
 * A CloudError below 500 means that trying again is of no use, and undoes the task; all else is tried again.
 */
export interface TaskStep<Input, Data> {
  /** What it does, as shown to people: `choose host`. */
  readonly name: string;
  /** What it returns is kept for the later steps and for the undos. */
  // biome-ignore lint/suspicious/noConfusingVoidType: steps that find nothing out return nothing
  run(run: TaskRun<Input, Data>): Promise<Partial<Data> | void>;
  /** Takes the step back, whether it ran whole, in part or not at all. Tried until it works. */
  undo?(run: TaskRun<Input, Data>): Promise<void>;
}

export interface TaskKind<Input = unknown, Data = unknown> {
  readonly name: TaskName<Input>;
  readonly steps: readonly TaskStep<Input, Data>[];
  /** After this long it's undone, whatever it waits for. */
  readonly deadlineMs: number;
  /** Writes the task's failure where its owner sees it, once all is undone. May run again. */
  onFailed?(run: TaskRun<Input, Data>, error: TaskError): Promise<void>;
}

/** A kind with its types forgotten, as the engine keeps it. */
export interface AnyTaskKind {
  readonly name: string;
  readonly steps: readonly {
    readonly name: string;
    run(run: never): Promise<unknown>;
    undo?(run: never): Promise<void>;
  }[];
  readonly deadlineMs: number;
  onFailed?(run: never, error: TaskError): Promise<void>;
}

export interface NewTask<Input> {
  readonly name: TaskName<Input>;
  readonly resourceId: string;
  readonly projectId: string | null;
  readonly requestId: string;
  readonly input: Input;
  readonly deadlineMs: number;
}

/** Where a resource's unfinished work stands. */
export interface TaskStatus {
  readonly id: string;
  readonly name: string;
  readonly resourceId: string;
  readonly requestId: string;
  readonly state: 'pending' | 'done' | 'failed';
  readonly direction: 'forward' | 'undo';
  readonly step: number;
  /** The step in words; null past the last one, or when this controller does not know the kind. */
  readonly stepName: string | null;
  readonly isCancelled: boolean;
  readonly attempts: number;
  readonly error: TaskError | null;
  readonly leaseOwner: string | null;
  readonly nextTryAt: number;
  readonly deadlineAt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface Tasks {
  /** Adds a task in the caller's transaction; it starts once that is committed. Returns its id. */
  enqueue<Input>(tx: Db<TaskTables>, task: NewTask<Input>): Promise<string>;
  /** Asks every unfinished task of a resource to undo what it has done. Tasks added later are not touched. */
  cancel(tx: Db<TaskTables>, resourceId: string): Promise<void>;
  /** The same for those of some kinds, where others must go on. Answers how many it has asked that nobody had asked before. */
  cancelKinds(tx: Db<TaskTables>, resourceId: string, names: readonly string[]): Promise<number>;
  /** The unfinished tasks of a resource, oldest first. */
  listUnfinished(db: Db<TaskTables>, resourceId: string): Promise<TaskStatus[]>;
  /** The finished tasks of a resource that are still kept, newest first. */
  listFinished(db: Db<TaskTables>, resourceId: string, limit: number): Promise<TaskStatus[]>;
  /** Unfinished tasks of any resource that were added before a moment, oldest first, so many at most. */
  listOlderThan(db: Db<TaskTables>, beforeMs: number, limit: number): Promise<TaskStatus[]>;
}
