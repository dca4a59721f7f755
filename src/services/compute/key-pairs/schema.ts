import { type Static, type TSchema, Type } from 'typebox';
import { since } from '#kernel/api/schema.ts';
import { envelope, KeyPairName, KeyPairName292, queryOf } from '../fields.ts';
import { compute } from '../microversions.ts';
import { pagingFields } from '../paging.ts';

/** Longest key taken. Real ones have less than 2 KiB, certificates less than 8. */
const MAX_KEY_LENGTH = 65_535;

const PublicKey = Type.String({ maxLength: MAX_KEY_LENGTH });

const bodyOf = <N extends TSchema, K extends TSchema>(name: N, key: K) =>
  envelope(
    'keypair',
    Type.Object(
      {
        name,
        public_key: key,
        type: since(
          compute.keyPairTypes,
          Type.Optional(Type.Unsafe<'ssh' | 'x509'>({ type: 'string', enum: ['ssh', 'x509'] })),
        ),
        user_id: since(compute.keyPairsOfUsers, Type.Optional(Type.String({ maxLength: 255 }))),
      },
      { additionalProperties: false },
    ),
  );

/** Until 2.91: without a public key one is generated. */
export const KeyPairCreate = bodyOf(KeyPairName, Type.Optional(PublicKey));
/** From 2.92 on. */
export const KeyPairImport = bodyOf(KeyPairName292, PublicKey);
export type KeyPairWanted = Static<typeof KeyPairCreate>['keypair'];

const userField = { user_id: since(compute.keyPairsOfUsers, Type.Optional(Type.String())) };
export const KeyPairQuery = queryOf(userField);
export type KeyPairQuery = Static<typeof KeyPairQuery>;

export const KeyPairListQuery = queryOf({
  ...userField,
  limit: since(compute.keyPairPaging, pagingFields.limit),
  marker: since(compute.keyPairPaging, pagingFields.marker),
});
export type KeyPairListQuery = Static<typeof KeyPairListQuery>;
