import { type Static, Type } from 'typebox';
import { Description, nameOf, nullable, OPEN, OPEN_UPDATE, UrlText } from '../schemas.ts';

const RegionId = Type.String({ maxLength: 255 });

const regionFields = {
  id: Type.Optional(RegionId),
  description: Type.Optional(nullable(Description)),
  parent_region_id: Type.Optional(nullable(RegionId)),
};
export const CreateRegionBody = Type.Object({ region: Type.Object(regionFields, OPEN) });
export const UpdateRegionBody = Type.Object({ region: Type.Object(regionFields, OPEN_UPDATE) });

const ServiceType = Type.String({ minLength: 1, maxLength: 255 });
const serviceFields = { enabled: Type.Optional(Type.Boolean()), name: Type.Optional(nameOf(255)) };
export const CreateServiceBody = Type.Object({ service: Type.Object({ type: ServiceType, ...serviceFields }, OPEN) });
export const UpdateServiceBody = Type.Object({
  service: Type.Object({ type: Type.Optional(ServiceType), ...serviceFields }, OPEN_UPDATE),
});

const Interface = Type.Union([Type.Literal('admin'), Type.Literal('internal'), Type.Literal('public')]);
const ServiceId = Type.String({ maxLength: 64 });
const endpointFields = {
  enabled: Type.Optional(Type.Boolean()),
  region_id: Type.Optional(nullable(RegionId)),
  region: Type.Optional(nullable(RegionId)),
};
export const CreateEndpointBody = Type.Object({
  endpoint: Type.Object({ interface: Interface, service_id: ServiceId, url: UrlText, ...endpointFields }, OPEN),
});
export const UpdateEndpointBody = Type.Object({
  endpoint: Type.Object(
    {
      interface: Type.Optional(Interface),
      service_id: Type.Optional(ServiceId),
      url: Type.Optional(UrlText),
      ...endpointFields,
    },
    OPEN_UPDATE,
  ),
});

export type NewRegion = Static<typeof CreateRegionBody>['region'];
export type NewService = Static<typeof CreateServiceBody>['service'];
export type ServiceChange = Static<typeof UpdateServiceBody>['service'];
export type NewEndpoint = Static<typeof CreateEndpointBody>['endpoint'];
export type EndpointChange = Static<typeof UpdateEndpointBody>['endpoint'];
