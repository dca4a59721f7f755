import { Type } from 'typebox';
import { Reply, type Route, route } from '#kernel/api/route.ts';
import { since } from '#kernel/api/schema.ts';
import type { ComputeDeps } from '../deps.ts';
import { Uuid } from '../fields.ts';
import { compute } from '../microversions.ts';
import { takeEvents } from './logic.ts';

const NAMES = ['network-changed', 'network-vif-plugged', 'network-vif-unplugged', 'network-vif-deleted'];
const word = (...words: string[]) => Type.Unsafe<string>({ type: 'string', enum: words });

const Events = Type.Object(
  {
    events: Type.Array(
      Type.Object(
        {
          name: Type.Union([
            word(...NAMES),
            since(compute.volumeUpdateEvents, word('volume-extended')),
            since(compute.powerUpdateEvents, word('power-update')),
            since(compute.acceleratorEvents, word('accelerator-request-bound')),
            since(compute.rebuildBootFromVolume, word('volume-reimaged')),
          ]),
          server_uuid: Uuid,
          status: Type.Optional(word('failed', 'completed', 'in-progress')),
          tag: Type.Optional(Type.String({ maxLength: 255 })),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 1_000 },
    ),
  },
  { additionalProperties: false },
);

/** @see https://docs.openstack.org/api-ref/compute/#create-external-events-os-server-external-events */
export const externalEventRoutes = (
  deps: ComputeDeps,
  onNetworkChanged: (serverId: string) => Promise<void>,
): Route[] => [
  route({
    method: 'POST',
    path: '/os-server-external-events',
    name: 'createExternalEvents',
    policy: 'os_compute_api:os-server-external-events:create',
    body: Events,
    handler: async ({ body }) => {
      const events = await takeEvents(deps, body.events, onNetworkChanged);
      return new Reply({ status: events.every(({ code }) => code === 200) ? 200 : 207, body: { events } });
    },
  }),
];
