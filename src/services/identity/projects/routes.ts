import { Reply, type Route, route } from '#kernel/api/route.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { domainForNew, listTarget } from '../domain-of.ts';
import { readQuery } from '../query.ts';
import { deleteDomain, deleteProject } from './delete.ts';
import { readDomain, readDomains, readProject, readProjects, readTags, showDomains, showProjects } from './list.ts';
import {
  addTag,
  changeDomain,
  changeProject,
  checkTag,
  createDomain,
  createProject,
  projectTarget,
  setTags,
} from './logic.ts';
import { CreateDomainBody, CreateProjectBody, TagsBody, UpdateDomainBody, UpdateProjectBody } from './schema.ts';
import { readTree } from './tree.ts';

export const projectRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/projects',
    name: 'listProjects',
    documents: () => ({ policies: ['identity:list_projects'] }),
    handler: (request) => {
      deps.policy.enforce(request.ctx, 'identity:list_projects', listTarget(request.ctx));
      return readProjects(deps, request.ctx, readQuery(request.query), v3Url(request));
    },
  }),
  route({
    method: 'POST',
    path: '/v3/projects',
    name: 'createProject',
    documents: () => ({ policies: ['identity:create_project'] }),
    status: 201,
    body: CreateProjectBody,
    handler: async (request) => {
      const { ctx, body } = request;
      const domainId = domainForNew(ctx, body.project.domain_id);
      deps.policy.enforce(ctx, 'identity:create_project', { target: { project: { domain_id: domainId } } });
      const row = await createProject(deps, ctx, body.project);
      return { project: (await showProjects(deps, [row], v3Url(request)))[0] };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/projects/:projectId',
    name: 'showProject',
    documents: () => ({ policies: ['identity:get_project'] }),
    handler: async (request) => {
      const { ctx, params } = request;
      const id = params['projectId'] ?? '';
      deps.policy.enforce(ctx, 'identity:get_project', await projectTarget(deps, id));
      const row = await readProject(deps, id);
      const caller = { userId: ctx.userId, v3Url: v3Url(request) };
      const tree = await readTree(deps, row, readQuery(request.query), caller);
      return { project: { ...(await showProjects(deps, [row], v3Url(request)))[0], ...tree } };
    },
  }),
  route({
    method: 'PATCH',
    path: '/v3/projects/:projectId',
    name: 'updateProject',
    documents: () => ({ policies: ['identity:update_project'] }),
    body: UpdateProjectBody,
    handler: async (request) => {
      const id = request.params['projectId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:update_project', await projectTarget(deps, id));
      const row = await changeProject(deps, id, request.body.project);
      return { project: (await showProjects(deps, [row], v3Url(request)))[0] };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/projects/:projectId',
    name: 'deleteProject',
    documents: () => ({ policies: ['identity:delete_project'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const id = params['projectId'] ?? '';
      deps.policy.enforce(ctx, 'identity:delete_project', await projectTarget(deps, id));
      await deleteProject(deps, id);
    },
  }),
  route({
    method: 'GET',
    path: '/v3/projects/:projectId/tags',
    name: 'listProjectTags',
    documents: () => ({ policies: ['identity:list_project_tags'] }),
    handler: async (request) => {
      const id = request.params['projectId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:list_project_tags', await projectTarget(deps, id));
      return tagsBody(request, id, await readTags(deps, id));
    },
  }),
  route({
    method: 'PUT',
    path: '/v3/projects/:projectId/tags',
    name: 'replaceProjectTags',
    documents: () => ({ policies: ['identity:update_project_tags'] }),
    body: TagsBody,
    handler: async (request) => {
      const id = request.params['projectId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:update_project_tags', await projectTarget(deps, id));
      await setTags(deps, id, request.body.tags);
      return tagsBody(request, id, await readTags(deps, id));
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/projects/:projectId/tags',
    name: 'deleteProjectTags',
    documents: () => ({ policies: ['identity:delete_project_tags'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const id = params['projectId'] ?? '';
      deps.policy.enforce(ctx, 'identity:delete_project_tags', await projectTarget(deps, id));
      await setTags(deps, id, []);
    },
  }),
  route({
    method: 'GET',
    path: '/v3/projects/:projectId/tags/:tag',
    name: 'checkProjectTag',
    documents: () => ({ policies: ['identity:get_project_tag'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const { projectId = '', tag = '' } = params;
      deps.policy.enforce(ctx, 'identity:get_project_tag', await projectTarget(deps, projectId));
      checkTag(await readTags(deps, projectId), tag);
    },
  }),
  route({
    method: 'PUT',
    path: '/v3/projects/:projectId/tags/:tag',
    name: 'addProjectTag',
    documents: () => ({ policies: ['identity:create_project_tag'] }),
    handler: async (request) => {
      const { projectId = '', tag = '' } = request.params;
      deps.policy.enforce(request.ctx, 'identity:create_project_tag', await projectTarget(deps, projectId));
      await addTag(deps, projectId, tag);
      const location = `${v3Url(request)}/projects/${projectId}/tags/${encodeURIComponent(tag)}`;
      return new Reply({ status: 201, headers: { Location: location }, body: '' });
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/projects/:projectId/tags/:tag',
    name: 'deleteProjectTag',
    documents: () => ({ policies: ['identity:delete_project_tag'] }),
    status: 204,
    handler: async ({ ctx, params }) => {
      const { projectId = '', tag = '' } = params;
      deps.policy.enforce(ctx, 'identity:delete_project_tag', await projectTarget(deps, projectId));
      const tags = await readTags(deps, projectId);
      checkTag(tags, tag);
      await setTags(
        deps,
        projectId,
        tags.filter((name) => name !== tag),
      );
    },
  }),
  route({
    method: 'GET',
    path: '/v3/domains',
    name: 'listDomains',
    policy: 'identity:list_domains',
    handler: (request) => readDomains(deps, readQuery(request.query), v3Url(request)),
  }),
  route({
    method: 'POST',
    path: '/v3/domains',
    name: 'createDomain',
    policy: 'identity:create_domain',
    status: 201,
    body: CreateDomainBody,
    handler: async (request) => {
      const row = await createDomain(deps, request.body.domain);
      return { domain: (await showDomains(deps, [row], v3Url(request)))[0] };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/domains/:domainId',
    name: 'showDomain',
    documents: () => ({ policies: ['identity:get_domain'] }),
    handler: async (request) => {
      const id = request.params['domainId'] ?? '';
      deps.policy.enforce(request.ctx, 'identity:get_domain', { target: { domain: { id } } });
      return { domain: (await showDomains(deps, [await readDomain(deps, id)], v3Url(request)))[0] };
    },
  }),
  route({
    method: 'PATCH',
    path: '/v3/domains/:domainId',
    name: 'updateDomain',
    policy: 'identity:update_domain',
    body: UpdateDomainBody,
    handler: async (request) => {
      const row = await changeDomain(deps, request.params['domainId'] ?? '', request.body.domain);
      return { domain: (await showDomains(deps, [row], v3Url(request)))[0] };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/domains/:domainId',
    name: 'deleteDomain',
    policy: 'identity:delete_domain',
    status: 204,
    handler: ({ params }) => deleteDomain(deps, params['domainId'] ?? ''),
  }),
];

function tagsBody(request: { baseUrl: string }, id: string, tags: readonly string[]): Record<string, unknown> {
  return { tags, links: { self: `${v3Url(request)}/projects/${id}/tags` } };
}
