import { Type } from 'typebox';
import { since } from '#kernel/api/schema.ts';
import { Uuid } from '../shapes.ts';

const Name = Type.String({ maxLength: 200 });
const Parent = Type.Optional(Type.Union([Uuid, Type.Null()]));

export const CreateProviderBody = Type.Object(
  { name: Name, uuid: Type.Optional(Uuid), parent_provider_uuid: since('1.14', Parent) },
  { additionalProperties: false },
);

export const UpdateProviderBody = Type.Object(
  { name: Name, parent_provider_uuid: since('1.14', Parent) },
  { additionalProperties: false },
);

const Texts = Type.Optional(Type.Array(Type.String({ maxLength: 4_096 }), { maxItems: 50 }));

export const ListProvidersQuery = Type.Object(
  {
    name: Type.Optional(Type.String()),
    uuid: Type.Optional(Uuid),
    member_of: since('1.3', Texts),
    resources: since('1.4', Type.Optional(Type.String({ maxLength: 4_096 }))),
    in_tree: since('1.14', Type.Optional(Uuid)),
    required: since('1.18', Texts),
  },
  { additionalProperties: false },
);
