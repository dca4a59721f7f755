/** All that users do. A new service adds its operations here. */
import { imageOperations } from './images.ts';
import { networkOperations } from './networks.ts';
import type { Operation, Weighted } from './operation.ts';
import { serverOperations } from './servers.ts';

const ALL: readonly Weighted[] = [...serverOperations, ...networkOperations, ...imageOperations];

export const OPERATIONS: ReadonlyMap<string, Operation> = new Map(ALL.map(([, name, run]) => [name, run]));

/** Each name as often as its weight has it. */
export const OPERATION_DICE: readonly string[] = ALL.flatMap(([weight, name]) =>
  Array.from({ length: weight }, () => name),
);
