import { Type } from 'typebox';
import { CLASS_KEY, Generation } from '../shapes.ts';
import { MAX_INT } from './capacity.ts';

const limited = (minimum: number) => Type.Integer({ minimum, maximum: MAX_INT });
const fields = {
  total: limited(1),
  reserved: Type.Optional(limited(0)),
  min_unit: Type.Optional(limited(1)),
  max_unit: Type.Optional(limited(1)),
  step_size: Type.Optional(limited(1)),
  allocation_ratio: Type.Optional(Type.Number({ minimum: 0, maximum: 3.40282e38 })),
};
const closed = { additionalProperties: false };

export const CreateInventoryBody = Type.Object(
  {
    ...fields,
    resource_class: Type.String({ pattern: CLASS_KEY, maxLength: 255 }),
    resource_provider_generation: Type.Optional(Generation),
  },
  closed,
);

export const UpdateInventoryBody = Type.Object({ ...fields, resource_provider_generation: Generation }, closed);

const InventoryRecord = Type.Object({ ...fields, resource_provider_generation: Type.Optional(Generation) }, closed);

export const InventoriesBody = Type.Object(
  {
    resource_provider_generation: Generation,
    inventories: Type.Record(Type.String({ pattern: CLASS_KEY }), InventoryRecord, {
      ...closed,
      maxProperties: 1_000,
    }),
  },
  closed,
);
