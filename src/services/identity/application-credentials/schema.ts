import { type Static, Type } from 'typebox';
import { Description, IdString, nameOf, nullable, OPEN } from '../schemas.ts';

/** Roles or rules of one credential; there are not as many in any cloud. */
const MAX_ENTRIES = 200;

/** A role by id or by name. */
export const RoleRefs = Type.Array(
  Type.Object(
    { id: Type.Optional(IdString), name: Type.Optional(nameOf(255)) },
    { additionalProperties: false, minProperties: 1, maxProperties: 1 },
  ),
  { maxItems: MAX_ENTRIES },
);

const AccessRuleBody = Type.Object(
  {
    id: Type.Optional(IdString),
    path: Type.Optional(Type.String({ maxLength: 225, pattern: '^/' })),
    method: Type.Optional(Type.String({ pattern: '^(POST|GET|HEAD|PATCH|PUT|DELETE)$' })),
    service: Type.Optional(IdString),
  },
  { additionalProperties: false },
);

export const CreateApplicationCredentialBody = Type.Object({
  application_credential: Type.Object(
    {
      name: nameOf(255),
      description: Type.Optional(nullable(Description)),
      secret: Type.Optional(nullable(Type.String({ maxLength: 4_096 }))),
      expires_at: Type.Optional(nullable(Type.String({ maxLength: 64 }))),
      roles: Type.Optional(RoleRefs),
      unrestricted: Type.Optional(Type.Boolean()),
      access_rules: Type.Optional(Type.Array(AccessRuleBody, { maxItems: MAX_ENTRIES })),
    },
    OPEN,
  ),
});

export type NewApplicationCredential = Static<typeof CreateApplicationCredentialBody>['application_credential'];
export type NewAccessRule = Static<typeof AccessRuleBody>;
