import { type Static, Type } from 'typebox';
import { since } from '#kernel/api/schema.ts';
import { CLASS_KEY, GROUP_SUFFIX, Owner, UUID_KEY, Uuid } from '../shapes.ts';

const closed = { additionalProperties: false };
/** More providers or classes than this in one consumer is no workload. */
const MAX_KEYS = 1_000;
const Amounts = Type.Record(
  Type.String({ pattern: CLASS_KEY }),
  Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  { ...closed, minProperties: 1, maxProperties: MAX_KEYS },
);

/** Before 1.12: a list. */
export const AllocationListBody = Type.Object(
  {
    allocations: Type.Array(
      Type.Object({ resource_provider: Type.Object({ uuid: Uuid }, closed), resources: Amounts }, closed),
      { minItems: 1, maxItems: MAX_KEYS },
    ),
    project_id: since('1.8', Owner),
    user_id: since('1.8', Owner),
  },
  closed,
);

const byProvider = (minProperties: number) =>
  Type.Record(
    Type.String({ pattern: UUID_KEY }),
    Type.Object({ generation: Type.Optional(Type.Integer()), resources: Amounts }, closed),
    { ...closed, minProperties, maxProperties: MAX_KEYS },
  );

const consumerFields = {
  project_id: Owner,
  user_id: Owner,
  consumer_generation: since('1.28', Type.Union([Type.Integer(), Type.Null()])),
  mappings: since(
    '1.34',
    Type.Optional(
      Type.Record(
        Type.String({ pattern: `^(${GROUP_SUFFIX})?$` }),
        Type.Array(Uuid, { minItems: 1, maxItems: MAX_KEYS }),
        {
          minProperties: 1,
          maxProperties: MAX_KEYS,
        },
      ),
    ),
  ),
  consumer_type: since('1.38', Type.String({ pattern: CLASS_KEY, minLength: 1, maxLength: 255 })),
};

/** From 1.12 on, by provider; from 1.28 on it may be empty, to give everything back. */
export const AllocationsBody = Type.Object({ allocations: byProvider(1), ...consumerFields }, closed);
export const EmptyableAllocationsBody = Type.Object({ allocations: byProvider(0), ...consumerFields }, closed);

export const ManyAllocationsBody = Type.Record(Type.String({ pattern: UUID_KEY }), EmptyableAllocationsBody, {
  ...closed,
  minProperties: 1,
  maxProperties: MAX_KEYS,
});

export type ConsumerInput = Static<typeof EmptyableAllocationsBody>;
