import { Type } from 'typebox';
import { Reply, type Route, route } from '#kernel/api/route.ts';
import type { ImportDeps } from '../imports/start.ts';
import { createTask, deleteTask, listImageTaskRows, listTasks, showTask } from './logic.ts';
import { viewTask, viewTaskOfImage, viewTaskStub } from './view.ts';

const ACCESS = 'tasks_api_access';

export const taskRoutes = (deps: ImportDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v2/images/:imageId/tasks',
    name: 'listImageTasks',
    handler: async ({ ctx, params }) => ({
      tasks: (await listImageTaskRows(deps, ctx, params['imageId'] ?? '')).map(viewTaskOfImage),
    }),
  }),
  route({
    method: 'GET',
    path: '/v2/tasks',
    name: 'listTasks',
    policy: ACCESS,
    handler: async ({ ctx, url }) => {
      const params = new URLSearchParams(url.split('?')[1] ?? '');
      const { tasks, nextMarker } = await listTasks(deps, ctx, params);
      params.delete('marker');
      const first = params.size === 0 ? '/v2/tasks' : `/v2/tasks?${params.toString()}`;
      if (nextMarker !== undefined) params.set('marker', nextMarker);
      const next = nextMarker === undefined ? {} : { next: `/v2/tasks?${params.toString()}` };
      return { tasks: tasks.map(viewTaskStub), first, schema: '/v2/schemas/tasks', ...next };
    },
  }),
  route({
    method: 'POST',
    path: '/v2/tasks',
    name: 'createTask',
    policy: ACCESS,
    body: Type.Any(),
    handler: async ({ ctx, body }) => {
      const task = await createTask(deps, ctx, body);
      return new Reply({ status: 201, headers: { Location: `/v2/tasks/${task.id}` }, body: viewTask(task) });
    },
  }),
  route({
    method: 'GET',
    path: '/v2/tasks/:taskId',
    name: 'showTask',
    policy: ACCESS,
    handler: async ({ ctx, params }) => viewTask(await showTask(deps, ctx, params['taskId'] ?? '')),
  }),
  route({
    method: 'DELETE',
    path: '/v2/tasks/:taskId',
    name: 'deleteTask',
    policy: ACCESS,
    handler: () => deleteTask(),
  }),
];
