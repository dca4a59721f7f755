import { type Static, Type } from 'typebox';
import { Description, IdString, ImmutableOption, nameOf, nullable, OPEN, OPEN_UPDATE } from '../schemas.ts';

const fields = {
  description: Type.Optional(nullable(Description)),
  domain_id: Type.Optional(nullable(IdString)),
  options: Type.Optional(ImmutableOption),
};

export const CreateRoleBody = Type.Object({ role: Type.Object({ name: nameOf(255), ...fields }, OPEN) });
export const UpdateRoleBody = Type.Object({
  role: Type.Object({ name: Type.Optional(nameOf(255)), ...fields }, OPEN_UPDATE),
});

export type NewRole = Static<typeof CreateRoleBody>['role'];
export type RoleChange = Static<typeof UpdateRoleBody>['role'];
