import { type Static, Type } from 'typebox';

const Domain = Type.Object({ id: Type.Optional(Type.String()), name: Type.Optional(Type.String()) });

/** Methods that one request may name; there are not as many. */
const MAX_METHODS = 16;

const User = Type.Object({
  id: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  password: Type.Optional(Type.String()),
  passcode: Type.Optional(Type.String()),
  domain: Type.Optional(Domain),
});

const ScopeObject = Type.Object({
  project: Type.Optional(
    Type.Object({
      id: Type.Optional(Type.String()),
      name: Type.Optional(Type.String()),
      domain: Type.Optional(Domain),
    }),
  ),
  domain: Type.Optional(Domain),
  system: Type.Optional(Type.Object({ all: Type.Optional(Type.Boolean()) })),
  unscoped: Type.Optional(Type.Unknown()),
  'OS-TRUST:trust': Type.Optional(Type.Object({ id: Type.Optional(Type.String()) })),
});

const Identity = Type.Object({
  methods: Type.Array(Type.String({ maxLength: 64 }), { maxItems: MAX_METHODS }),
  password: Type.Optional(Type.Object({ user: Type.Optional(User) })),
  token: Type.Optional(Type.Object({ id: Type.String() })),
  totp: Type.Optional(Type.Object({ user: Type.Optional(User) })),
  application_credential: Type.Optional(
    Type.Object({
      id: Type.Optional(Type.String()),
      name: Type.Optional(Type.String()),
      secret: Type.Optional(Type.String()),
      user: Type.Optional(User),
    }),
  ),
});

export const IssueTokenBody = Type.Object({
  auth: Type.Object({
    identity: Identity,
    scope: Type.Optional(Type.Union([ScopeObject, Type.String({ maxLength: 64 })])),
  }),
});

export type AuthRequest = Static<typeof IssueTokenBody>['auth'];
export type AuthUser = Static<typeof User>;
export type AuthDomain = Static<typeof Domain>;
export type AuthScope = Static<typeof ScopeObject>;
