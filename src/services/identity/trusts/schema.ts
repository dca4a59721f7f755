import { type Static, Type } from 'typebox';
import { RoleRefs } from '../application-credentials/schema.ts';
import { ExternalId, IdString, MAX_INTEGER, nullable, OPEN } from '../schemas.ts';

export const CreateTrustBody = Type.Object({
  trust: Type.Object(
    {
      trustor_user_id: ExternalId,
      trustee_user_id: ExternalId,
      impersonation: Type.Boolean(),
      project_id: Type.Optional(nullable(IdString)),
      remaining_uses: Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: MAX_INTEGER }))),
      expires_at: Type.Optional(nullable(Type.String({ maxLength: 64 }))),
      allow_redelegation: Type.Optional(nullable(Type.Boolean())),
      redelegation_count: Type.Optional(nullable(Type.Integer({ minimum: 0, maximum: MAX_INTEGER }))),
      roles: Type.Optional(RoleRefs),
    },
    OPEN,
  ),
});

export type NewTrust = Static<typeof CreateTrustBody>['trust'];
