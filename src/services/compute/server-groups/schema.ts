import { type Static, type TSchema, Type } from 'typebox';
import { envelope, Name, PositiveInteger, queryOf } from '../fields.ts';
import type { ServerGroupPolicy } from './tables.ts';

const HARD: readonly ServerGroupPolicy[] = ['anti-affinity', 'affinity'];
const ALL: readonly ServerGroupPolicy[] = [...HARD, 'soft-anti-affinity', 'soft-affinity'];

const oneOf = (policies: readonly ServerGroupPolicy[]) =>
  Type.Unsafe<ServerGroupPolicy>({ type: 'string', enum: [...policies] });
const group = <P extends Record<string, TSchema>>(fields: P) =>
  envelope('server_group', Type.Object({ name: Name, ...fields }, { additionalProperties: false }));
const exactlyOne = (policies: readonly ServerGroupPolicy[]) =>
  Type.Array(oneOf(policies), { minItems: 1, maxItems: 1, uniqueItems: true });

/** Until 2.14. @see nova/api/openstack/compute/schemas/server_groups.py */
export const ServerGroupCreate21 = group({ policies: exactlyOne(HARD) });
/** From 2.15 to 2.63. */
export const ServerGroupCreate215 = group({ policies: exactlyOne(ALL) });
/** From 2.64 on. */
export const ServerGroupCreate264 = group({
  policy: oneOf(ALL),
  rules: Type.Optional(
    Type.Object({ max_server_per_host: Type.Optional(PositiveInteger) }, { additionalProperties: false }),
  ),
});

const Count = Type.Optional(Type.Unsafe<string>({ type: 'string', pattern: '^[0-9]{1,15}$' }));
export const ServerGroupQuery = queryOf({ all_projects: Type.Optional(Type.String()), limit: Count, offset: Count });
export type ServerGroupQuery = Static<typeof ServerGroupQuery>;
