import { type Static, Type } from 'typebox';
import { Description, nameOf, nullable, OPEN, OPEN_UPDATE } from '../schemas.ts';

/** Three are known. */
const Filters = Type.Record(Type.String(), Type.Unknown(), { maxProperties: 16 });

export const CreateEndpointGroupBody = Type.Object({
  endpoint_group: Type.Object(
    { name: nameOf(255), filters: Filters, description: Type.Optional(nullable(Description)) },
    OPEN,
  ),
});
export const UpdateEndpointGroupBody = Type.Object({
  endpoint_group: Type.Object(
    {
      name: Type.Optional(nameOf(255)),
      filters: Type.Optional(Filters),
      description: Type.Optional(nullable(Description)),
    },
    OPEN_UPDATE,
  ),
});

export type NewEndpointGroup = Static<typeof CreateEndpointGroupBody>['endpoint_group'];
export type EndpointGroupChange = Static<typeof UpdateEndpointGroupBody>['endpoint_group'];
