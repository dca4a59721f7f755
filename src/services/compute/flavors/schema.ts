import { type Static, Type } from 'typebox';
import { since } from '#kernel/api/schema.ts';
import {
  BooleanWord,
  envelope,
  LongDescription,
  Name,
  NonNegativeInteger,
  PositiveInteger,
  queryOf,
} from '../fields.ts';
import { compute } from '../microversions.ts';
import { pagingFields } from '../paging.ts';

/** @see nova/api/openstack/compute/schemas/flavor_manage.py */
export const FlavorCreate = envelope(
  'flavor',
  Type.Object(
    {
      name: Name,
      id: Type.Optional(
        Type.Unsafe<string | number | null>({
          type: ['string', 'number', 'null'],
          minLength: 1,
          maxLength: 255,
          pattern: '^(?! )[a-zA-Z0-9. _-]+(?<! )$',
        }),
      ),
      ram: PositiveInteger,
      vcpus: PositiveInteger,
      disk: NonNegativeInteger,
      'OS-FLV-EXT-DATA:ephemeral': Type.Optional(NonNegativeInteger),
      swap: Type.Optional(NonNegativeInteger),
      rxtx_factor: Type.Optional(
        Type.Unsafe<string | number>({
          type: ['number', 'string'],
          pattern: '^[0-9]+(\\.[0-9]+)?$',
          maxLength: 60,
          exclusiveMinimum: 0,
          maximum: 3.402_82e38,
        }),
      ),
      'os-flavor-access:is_public': Type.Optional(BooleanWord),
      description: since(compute.flavorDescription, Type.Optional(LongDescription)),
    },
    { additionalProperties: false },
  ),
);
export type FlavorCreate = Static<typeof FlavorCreate>['flavor'];

export const FlavorUpdate = envelope(
  'flavor',
  Type.Object({ description: LongDescription }, { additionalProperties: false }),
);

/** Sort keys on the wire, and the columns that they mean. */
export const FLAVOR_SORT_COLUMNS: Readonly<Record<string, string>> = {
  created_at: 'created_at',
  description: 'description',
  disabled: 'is_disabled',
  ephemeral_gb: 'ephemeral_gib',
  flavorid: 'id',
  id: 'created_at',
  is_public: 'is_public',
  memory_mb: 'memory_mib',
  name: 'name',
  root_gb: 'root_gib',
  rxtx_factor: 'rxtx_factor',
  swap: 'swap_mib',
  updated_at: 'created_at',
  vcpu_weight: 'vcpus',
  vcpus: 'vcpus',
};

export const FlavorQuery = queryOf({
  ...pagingFields,
  is_public: Type.Optional(Type.String()),
  minRam: Type.Optional(Type.String()),
  minDisk: Type.Optional(Type.String()),
  sort_key: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: Object.keys(FLAVOR_SORT_COLUMNS) })),
  sort_dir: Type.Optional(Type.Unsafe<'asc' | 'desc'>({ type: 'string', enum: ['asc', 'desc'] })),
});
export type FlavorQuery = Static<typeof FlavorQuery>;

const ExtraSpecs = {
  type: 'object',
  patternProperties: { '^[a-zA-Z0-9\\-_:. ]{1,255}$': { type: ['string', 'number'], maxLength: 255 } },
  additionalProperties: false,
} as const;

export const ExtraSpecsCreate = envelope(
  'extra_specs',
  Type.Unsafe<Record<string, string | number>>({ ...ExtraSpecs, maxProperties: 1_000 }),
);
export const ExtraSpecUpdate = Type.Unsafe<Record<string, string | number>>({
  ...ExtraSpecs,
  minProperties: 1,
  maxProperties: 1,
});

const TenantBody = Type.Object(
  { tenant: Type.String({ minLength: 1, maxLength: 255 }) },
  { additionalProperties: false },
);

/** Exactly one action. */
export const FlavorAction = Type.Object(
  { addTenantAccess: Type.Optional(TenantBody), removeTenantAccess: Type.Optional(TenantBody) },
  { additionalProperties: false, minProperties: 1, maxProperties: 1 },
);
export type FlavorAction = Static<typeof FlavorAction>;
