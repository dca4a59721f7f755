import { type Static, Type } from 'typebox';
import { since } from '#kernel/api/schema.ts';
import { BooleanWord, Fqdn, queryOf } from '../fields.ts';
import { compute } from '../microversions.ts';

const Reason = Type.Optional(Type.String({ minLength: 1, maxLength: 255 }));

/** `PUT /os-services/disable` and the like, until 2.52. @see nova/api/openstack/compute/schemas/services.py */
export const ServiceAction = Type.Object(
  {
    host: Fqdn,
    binary: Type.String({ minLength: 1, maxLength: 255 }),
    disabled_reason: Reason,
    forced_down: since(compute.servicesForcedDown, Type.Optional(BooleanWord)),
  },
  { additionalProperties: false },
);
export type ServiceAction = Static<typeof ServiceAction>;

/** `PUT /os-services/{uuid}`, from 2.53 on. */
export const ServiceUpdate = Type.Object(
  {
    status: Type.Optional(Type.Unsafe<'enabled' | 'disabled'>({ type: 'string', enum: ['enabled', 'disabled'] })),
    disabled_reason: Reason,
    forced_down: Type.Optional(BooleanWord),
  },
  { additionalProperties: false },
);
export type ServiceUpdate = Static<typeof ServiceUpdate>;

export const ServiceQuery = queryOf({ host: Type.Optional(Type.String()), binary: Type.Optional(Type.String()) });
export type ServiceQuery = Static<typeof ServiceQuery>;
