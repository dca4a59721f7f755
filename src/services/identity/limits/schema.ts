import { type Static, Type } from 'typebox';
import { Description, IdString, MAX_INTEGER, nullable } from '../schemas.ts';

/** Limits in one request. */
const MAX_LIMITS = 500;
const CLOSED = { additionalProperties: false } as const;

const Amount = Type.Integer({ minimum: -1, maximum: MAX_INTEGER });
const ResourceName = Type.String({ minLength: 1, maxLength: 255 });
const Region = nullable(Type.String({ maxLength: 255 }));
const Text = Type.Optional(nullable(Description));

export const CreateRegisteredLimitsBody = Type.Object({
  registered_limits: Type.Array(
    Type.Object(
      {
        service_id: IdString,
        resource_name: ResourceName,
        default_limit: Amount,
        region_id: Type.Optional(Region),
        description: Text,
      },
      CLOSED,
    ),
    { minItems: 1, maxItems: MAX_LIMITS },
  ),
});
export const UpdateRegisteredLimitBody = Type.Object({
  registered_limit: Type.Object(
    {
      service_id: Type.Optional(IdString),
      resource_name: Type.Optional(ResourceName),
      default_limit: Type.Optional(Amount),
      region_id: Type.Optional(Region),
      description: Text,
    },
    CLOSED,
  ),
});

export const CreateLimitsBody = Type.Object({
  limits: Type.Array(
    Type.Object(
      {
        project_id: Type.Optional(IdString),
        domain_id: Type.Optional(IdString),
        service_id: IdString,
        resource_name: ResourceName,
        resource_limit: Amount,
        region_id: Type.Optional(Type.String({ maxLength: 255 })),
        description: Text,
      },
      CLOSED,
    ),
    { minItems: 1, maxItems: MAX_LIMITS },
  ),
});
export const UpdateLimitBody = Type.Object({
  limit: Type.Object({ resource_limit: Type.Optional(Amount), description: Text }, CLOSED),
});

export type NewRegisteredLimit = Static<typeof CreateRegisteredLimitsBody>['registered_limits'][number];
export type RegisteredLimitChange = Static<typeof UpdateRegisteredLimitBody>['registered_limit'];
export type NewLimit = Static<typeof CreateLimitsBody>['limits'][number];
export type LimitChange = Static<typeof UpdateLimitBody>['limit'];
