import { type Static, Type } from 'typebox';
import { OPEN, OPEN_UPDATE } from '../schemas.ts';

const Blob = Type.String({ maxLength: 65_536 });
const PolicyType = Type.String({ maxLength: 255 });

export const CreatePolicyBody = Type.Object({ policy: Type.Object({ blob: Blob, type: PolicyType }, OPEN) });
export const UpdatePolicyBody = Type.Object({
  policy: Type.Object({ blob: Type.Optional(Blob), type: Type.Optional(PolicyType) }, OPEN_UPDATE),
});

export type NewPolicy = Static<typeof CreatePolicyBody>['policy'];
export type PolicyChange = Static<typeof UpdatePolicyBody>['policy'];
