import { Type } from 'typebox';
import { type Route, route } from '#kernel/api/route.ts';
import { consumerIdOf } from '../allocations/logic.ts';
import { wantedOf } from '../allocations/routes.ts';
import { EmptyableAllocationsBody } from '../allocations/schema.ts';
import type { PlacementDeps } from '../deps.ts';
import { InventoriesBody } from '../inventories/schema.ts';
import { features } from '../microversions.ts';
import { UUID_KEY } from '../shapes.ts';
import { reshape } from './logic.ts';

const closed = { additionalProperties: false, maxProperties: 1_000 };
const ReshaperBody = Type.Object(
  {
    inventories: Type.Record(Type.String({ pattern: UUID_KEY }), InventoriesBody, { ...closed, minProperties: 1 }),
    allocations: Type.Record(Type.String({ pattern: UUID_KEY }), EmptyableAllocationsBody, closed),
  },
  { additionalProperties: false },
);

export const reshaperRoutes = (deps: PlacementDeps): Route[] => [
  route({
    method: 'POST',
    path: '/reshaper',
    name: 'reshape',
    policy: 'placement:reshaper:reshape',
    since: features.reshaper,
    body: ReshaperBody,
    status: 204,
    handler: async (request) => {
      const { inventories, allocations } = request.body;
      await reshape(deps, {
        reservedCanBeTotal: request.has(features.reservedCanBeTotal),
        inventories: Object.fromEntries(
          Object.entries(inventories).map(([id, given]) => [
            id.toLowerCase(),
            { generation: given.resource_provider_generation, inventories: given.inventories },
          ]),
        ),
        allocations: Object.entries(allocations).map(([id, input]) => wantedOf(consumerIdOf(id), input, request)),
      });
    },
  }),
];
