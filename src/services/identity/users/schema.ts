import { type Static, Type } from 'typebox';
import { Description, IdString, nameOf, nullable, OPEN, OPEN_UPDATE } from '../schemas.ts';

/** Ways to log in that one user may be asked for. */
const MAX_RULES = 16;

const Flag = Type.Optional(nullable(Type.Boolean()));

export const UserOptionsBody = Type.Object(
  {
    ignore_change_password_upon_first_use: Flag,
    ignore_password_expiry: Flag,
    ignore_lockout_failure_attempts: Flag,
    ignore_user_inactivity: Flag,
    lock_password: Flag,
    multi_factor_auth_enabled: Flag,
    multi_factor_auth_rules: Type.Optional(
      nullable(
        Type.Array(
          Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: MAX_RULES, uniqueItems: true }),
          {
            maxItems: MAX_RULES,
            uniqueItems: true,
          },
        ),
      ),
    ),
  },
  { additionalProperties: false },
);

const Federated = Type.Array(
  Type.Object({
    idp_id: Type.String({ maxLength: 64 }),
    protocols: Type.Array(
      Type.Object({ protocol_id: Type.String({ maxLength: 64 }), unique_id: Type.String({ maxLength: 255 }) }),
      { minItems: 1, maxItems: 16 },
    ),
  }),
  { maxItems: 16 },
);

const fields = {
  default_project_id: Type.Optional(nullable(IdString)),
  description: Type.Optional(nullable(Description)),
  domain_id: Type.Optional(IdString),
  enabled: Type.Optional(Type.Boolean()),
  password: Type.Optional(nullable(Type.String())),
  options: Type.Optional(UserOptionsBody),
  federated: Type.Optional(Federated),
};

export const CreateUserBody = Type.Object({ user: Type.Object({ name: nameOf(255), ...fields }, OPEN) });
export const UpdateUserBody = Type.Object({
  user: Type.Object({ name: Type.Optional(nameOf(255)), ...fields }, OPEN_UPDATE),
});
export const ChangePasswordBody = Type.Object({
  user: Type.Object({ original_password: Type.String(), password: Type.String() }, { additionalProperties: false }),
});

export type NewUser = Static<typeof CreateUserBody>['user'];
export type UserChange = Static<typeof UpdateUserBody>['user'];
export type FederatedLinks = Static<typeof Federated>;
