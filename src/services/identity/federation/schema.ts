import { type Static, Type } from 'typebox';
import { Description, IdString, MAX_INTEGER, nullable, UrlText } from '../schemas.ts';

const CLOSED = { additionalProperties: false } as const;
const CHANGE = { ...CLOSED, minProperties: 1 } as const;
/** Rules, requirements or values of one mapping. */
const MAX_ENTRIES = 200;

const providerFields = {
  enabled: Type.Optional(Type.Boolean()),
  description: Type.Optional(nullable(Description)),
  authorization_ttl: Type.Optional(nullable(Type.Integer({ minimum: 0, maximum: MAX_INTEGER }))),
  remote_ids: Type.Optional(
    nullable(Type.Array(Type.String({ maxLength: 255 }), { uniqueItems: true, maxItems: MAX_ENTRIES })),
  ),
};
export const CreateProviderBody = Type.Object({
  identity_provider: Type.Object({ ...providerFields, domain_id: Type.Optional(nullable(IdString)) }, CLOSED),
});
export const UpdateProviderBody = Type.Object({ identity_provider: Type.Object(providerFields, CHANGE) });

const MappingId = Type.String({ minLength: 1, maxLength: 64, pattern: '^[a-zA-Z0-9-_]+$' });
const RemoteAttribute = Type.Optional(Type.String({ maxLength: 64 }));
export const CreateProtocolBody = Type.Object({
  protocol: Type.Object({ mapping_id: MappingId, remote_id_attribute: RemoteAttribute }, CLOSED),
});
export const UpdateProtocolBody = Type.Object({
  protocol: Type.Object({ mapping_id: Type.Optional(MappingId), remote_id_attribute: RemoteAttribute }, CHANGE),
});

const Text = Type.String({ maxLength: 1_024 });
const Domain = Type.Object({ id: Type.Optional(Text), name: Type.Optional(Text) }, CLOSED);
const Values = Type.Array(Text, { maxItems: MAX_ENTRIES });
const Local = Type.Object(
  {
    user: Type.Optional(
      Type.Object(
        {
          id: Type.Optional(Text),
          name: Type.Optional(Text),
          email: Type.Optional(Text),
          domain: Type.Optional(Domain),
          type: Type.Optional(Type.Union([Type.Literal('ephemeral'), Type.Literal('local')])),
        },
        CLOSED,
      ),
    ),
    group: Type.Optional(
      Type.Object({ id: Type.Optional(Text), name: Type.Optional(Text), domain: Type.Optional(Domain) }, CHANGE),
    ),
    groups: Type.Optional(Text),
    group_ids: Type.Optional(Text),
    domain: Type.Optional(Domain),
    projects: Type.Optional(
      Type.Array(
        Type.Object(
          { name: Text, roles: Type.Array(Type.Object({ name: Text }, CLOSED), { maxItems: MAX_ENTRIES }) },
          CLOSED,
        ),
        { maxItems: MAX_ENTRIES },
      ),
    ),
  },
  CLOSED,
);
const Remote = Type.Object(
  {
    type: Text,
    any_one_of: Type.Optional(Values),
    not_any_of: Type.Optional(Values),
    blacklist: Type.Optional(Values),
    whitelist: Type.Optional(Values),
    regex: Type.Optional(Type.Boolean()),
  },
  CLOSED,
);
export const MappingBody = Type.Object({
  mapping: Type.Object({
    rules: Type.Array(
      Type.Object(
        {
          local: Type.Array(Local, { maxItems: MAX_ENTRIES }),
          remote: Type.Array(Remote, { minItems: 1, maxItems: MAX_ENTRIES }),
        },
        CLOSED,
      ),
      { minItems: 1, maxItems: MAX_ENTRIES },
    ),
  }),
});

const spFields = {
  description: Type.Optional(nullable(Description)),
  enabled: Type.Optional(Type.Boolean()),
  relay_state_prefix: Type.Optional(nullable(Type.String({ maxLength: 255 }))),
};
export const CreateServiceProviderBody = Type.Object({
  service_provider: Type.Object({ auth_url: UrlText, sp_url: UrlText, ...spFields }, CLOSED),
});
export const UpdateServiceProviderBody = Type.Object({
  service_provider: Type.Object(
    { auth_url: Type.Optional(UrlText), sp_url: Type.Optional(UrlText), ...spFields },
    CHANGE,
  ),
});

export type NewProvider = Static<typeof CreateProviderBody>['identity_provider'];
export type ProviderChange = Static<typeof UpdateProviderBody>['identity_provider'];
export type NewServiceProvider = Static<typeof CreateServiceProviderBody>['service_provider'];
export type ServiceProviderChange = Static<typeof UpdateServiceProviderBody>['service_provider'];
export type MappingRules = Static<typeof MappingBody>['mapping']['rules'];
