import { type Static, Type } from 'typebox';
import { AvailabilityZoneName, envelope, Fqdn, Name } from '../fields.ts';

const Zone = Type.Optional(Type.Union([AvailabilityZoneName, Type.Null()]));

/** @see nova/api/openstack/compute/schemas/aggregates.py */
export const AggregateCreate = envelope(
  'aggregate',
  Type.Object({ name: Name, availability_zone: Zone }, { additionalProperties: false }),
);
export type AggregateCreate = Static<typeof AggregateCreate>['aggregate'];

export const AggregateUpdate = envelope(
  'aggregate',
  Type.Object(
    {
      // Spaces at the ends are taken here and cut off.
      name: Type.Optional(
        Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\p{C}\\p{Zl}\\p{Zp}]*\\S[^\\p{C}\\p{Zl}\\p{Zp}]*$' }),
      ),
      availability_zone: Zone,
    },
    { additionalProperties: false, minProperties: 1 },
  ),
);
export type AggregateUpdate = Static<typeof AggregateUpdate>['aggregate'];

const Host = Type.Optional(Type.Object({ host: Fqdn }, { additionalProperties: false }));

/** Exactly one action. */
export const AggregateAction = Type.Object(
  {
    add_host: Host,
    remove_host: Host,
    set_metadata: Type.Optional(
      Type.Object(
        {
          metadata: Type.Unsafe<Record<string, string | null>>({
            type: 'object',
            patternProperties: { '^[a-zA-Z0-9\\-_:. ]{1,255}$': { type: ['string', 'null'], maxLength: 255 } },
            additionalProperties: false,
            maxProperties: 1_000,
          }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, minProperties: 1, maxProperties: 1 },
);
export type AggregateAction = Static<typeof AggregateAction>;
