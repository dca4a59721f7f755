import { type Static, Type } from 'typebox';
import { Description, IdString, ImmutableOption, nameOf, nullable, OPEN, OPEN_UPDATE } from '../schemas.ts';

/** Tags that a project may have. */
export const MAX_TAGS = 80;

export const Tag = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^,/]*$' });
export const Tags = Type.Array(Tag, { maxItems: MAX_TAGS, uniqueItems: true });

const projectFields = {
  description: Type.Optional(nullable(Description)),
  domain_id: Type.Optional(nullable(IdString)),
  enabled: Type.Optional(Type.Boolean()),
  is_domain: Type.Optional(Type.Boolean()),
  parent_id: Type.Optional(nullable(IdString)),
  tags: Type.Optional(Tags),
  options: Type.Optional(ImmutableOption),
};
const domainFields = {
  description: Type.Optional(nullable(Description)),
  enabled: Type.Optional(Type.Boolean()),
  tags: Type.Optional(Tags),
  options: Type.Optional(ImmutableOption),
};

export const CreateProjectBody = Type.Object({ project: Type.Object({ name: nameOf(64), ...projectFields }, OPEN) });
export const UpdateProjectBody = Type.Object({
  project: Type.Object({ name: Type.Optional(nameOf(64)), ...projectFields }, OPEN_UPDATE),
});
export const CreateDomainBody = Type.Object({
  domain: Type.Object(
    { name: nameOf(64), explicit_domain_id: Type.Optional(Type.String({ maxLength: 64 })), ...domainFields },
    OPEN,
  ),
});
export const UpdateDomainBody = Type.Object({
  domain: Type.Object({ name: Type.Optional(nameOf(64)), ...domainFields }, OPEN_UPDATE),
});
export const TagsBody = Type.Object({ tags: Tags });

export type NewProject = Static<typeof CreateProjectBody>['project'];
export type ProjectChange = Static<typeof UpdateProjectBody>['project'];
export type NewDomain = Static<typeof CreateDomainBody>['domain'];
export type DomainChange = Static<typeof UpdateDomainBody>['domain'];
