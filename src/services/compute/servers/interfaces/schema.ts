import { type Static, Type } from 'typebox';
import { since } from '#kernel/api/schema.ts';
import { envelope, Uuid } from '../../fields.ts';
import { Tag } from '../schema.ts';

const closed = { additionalProperties: false };

export const AttachBody = envelope(
  'interfaceAttachment',
  Type.Object(
    {
      net_id: Type.Optional(Uuid),
      port_id: Type.Optional(Uuid),
      fixed_ips: Type.Optional(
        Type.Array(Type.Object({ ip_address: Type.String({ format: 'ip' }) }, closed), { minItems: 1, maxItems: 1 }),
      ),
      tag: since('2.49', Type.Optional(Tag)),
    },
    closed,
  ),
);
export type AttachInput = Static<typeof AttachBody>['interfaceAttachment'];
