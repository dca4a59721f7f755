import { type Static, Type } from 'typebox';
import { ExternalId, nullable, OPEN, OPEN_UPDATE } from '../schemas.ts';

const Blob = Type.String({ maxLength: 65_536 });
const CredentialType = Type.String({ maxLength: 255 });
const ProjectRef = nullable(Type.String({ maxLength: 64 }));

export const CreateCredentialBody = Type.Object({
  credential: Type.Object(
    { blob: Blob, type: CredentialType, user_id: ExternalId, project_id: Type.Optional(ProjectRef) },
    OPEN,
  ),
});
export const UpdateCredentialBody = Type.Object({
  credential: Type.Object(
    {
      blob: Type.Optional(Blob),
      type: Type.Optional(CredentialType),
      user_id: Type.Optional(ExternalId),
      project_id: Type.Optional(ProjectRef),
    },
    OPEN_UPDATE,
  ),
});
export const CreateEc2Body = Type.Object({ tenant_id: Type.String({ maxLength: 64 }) }, OPEN);

/** A signed request that a service wants checked. */
export const Ec2TokenBody = Type.Object(
  {
    credentials: Type.Optional(Type.Unknown()),
    credential: Type.Optional(Type.Unknown()),
    ec2Credentials: Type.Optional(Type.Unknown()),
  },
  OPEN,
);

export type NewCredential = Static<typeof CreateCredentialBody>['credential'];
export type CredentialChange = Static<typeof UpdateCredentialBody>['credential'];
