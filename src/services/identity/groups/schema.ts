import { type Static, Type } from 'typebox';
import { Description, IdString, nameOf, nullable, OPEN, OPEN_UPDATE } from '../schemas.ts';

const fields = { description: Type.Optional(nullable(Description)), domain_id: Type.Optional(IdString) };

export const CreateGroupBody = Type.Object({ group: Type.Object({ name: nameOf(64), ...fields }, OPEN) });
export const UpdateGroupBody = Type.Object({
  group: Type.Object({ name: Type.Optional(nameOf(64)), ...fields }, OPEN_UPDATE),
});

export type NewGroup = Static<typeof CreateGroupBody>['group'];
export type GroupChange = Static<typeof UpdateGroupBody>['group'];
