import type { Db } from '#kernel/db/database.ts';
import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Forbidden, NotFound } from '#kernel/errors.ts';
import type { IdentityDeps } from '../deps.ts';
import { getDomain } from '../projects/store.ts';
import { DOMAIN_OPTIONS, SECRET_OPTIONS } from './options.ts';
import { deleteOptions, listOptions, replaceOption } from './store.ts';
import type { DomainConfigTables } from './tables.ts';

/** Options by group and name. */
export type DomainConfig = Record<string, Record<string, unknown>>;

/** Which part of a configuration is meant: all, a group, or one option. */
export interface Part {
  readonly group?: string | undefined;
  readonly option?: string | undefined;
}

/** @throws {NotFound} when the domain has nothing there; {Forbidden} for an option that no domain can have. */
export async function readConfig(deps: IdentityDeps, domainId: string, part: Part): Promise<Record<string, unknown>> {
  await getDomain(deps.db, domainId);
  if (part.group === 'security_compliance') return readCompliance(deps, domainId, part.option);
  checkKnown(part);
  const config = await visible(deps.db, domainId);
  if (part.group === undefined) {
    if (Object.keys(config).length === 0) throw noSuch(domainId, part);
    return config;
  }
  const options = config[part.group] ?? {};
  if (part.option === undefined) {
    if (Object.keys(options).length === 0) throw noSuch(domainId, part);
    return { [part.group]: options };
  }
  if (!(part.option in options)) throw noSuch(domainId, part);
  return { [part.option]: options[part.option] };
}

/** Takes the place of what there was. @returns whether there was nothing before. */
export async function replaceConfig(
  deps: IdentityDeps,
  domainId: string,
  given: DomainConfig,
): Promise<{ readonly config: DomainConfig; readonly isNew: boolean }> {
  await getDomain(deps.db, domainId);
  checkConfig(given);
  return inTransaction(deps.db, async (tx) => {
    const isNew = (await listOptions(tx, domainId)).length === 0;
    await deleteOptions(tx, domainId);
    await write(deps, tx, domainId, given);
    return { config: await visible(tx, domainId), isNew };
  });
}

/**
 * Changes options, or adds them where all of the configuration is meant.
 * @throws {NotFound} for a part that the domain has not; {Forbidden} for a body that is about something else.
 */
export async function changeConfig(
  deps: IdentityDeps,
  domainId: string,
  part: Part,
  given: Record<string, unknown>,
): Promise<DomainConfig> {
  await getDomain(deps.db, domainId);
  const { group, option } = part;
  const config = (group !== undefined && option !== undefined ? { [group]: given } : given) as DomainConfig;
  checkConfig(config);
  checkKnown(part);
  if (group !== undefined) checkAbout(config, group, option);
  return inTransaction(deps.db, async (tx) => {
    if (group !== undefined && !(await has(tx, domainId, part))) throw noSuch(domainId, part);
    await write(deps, tx, domainId, config);
    return visible(tx, domainId);
  });
}

/** @throws {NotFound} for a group or option that the domain has not. */
export async function removeConfig(deps: IdentityDeps, domainId: string, part: Part): Promise<void> {
  await getDomain(deps.db, domainId);
  checkKnown(part);
  await inTransaction(deps.db, async (tx) => {
    if (part.group !== undefined && !(await has(tx, domainId, part))) throw noSuch(domainId, part);
    await deleteOptions(tx, domainId, part.group, part.option);
  });
}

/** The defaults. @throws {Forbidden} for an option that no domain can have, or a secret one. */
export function readDefaults({ group, option }: Part): Record<string, unknown> {
  checkKnown({ group, option });
  if (group === undefined) return DOMAIN_OPTIONS;
  const options = DOMAIN_OPTIONS[group] ?? {};
  if (option === undefined) return { [group]: options };
  if (!Object.hasOwn(options, option))
    throw invalid(`Reading the default for option ${option} in group ${group} is not supported`);
  return { [option]: options[option] };
}

function readCompliance(deps: IdentityDeps, domainId: string, option: string | undefined): Record<string, unknown> {
  if (domainId !== 'default')
    throw invalid(
      'Reading security compliance information for any domain other than the default domain is not allowed or supported.',
    );
  const options: Record<string, unknown> = {
    password_regex: deps.config.passwordRegex,
    password_regex_description: deps.config.passwordRegexDescription,
  };
  if (option === undefined) return { security_compliance: options };
  if (!Object.hasOwn(options, option))
    throw invalid(
      'Reading security compliance values other than password_regex and password_regex_description is not allowed.',
    );
  return { [option]: options[option] };
}

async function visible(db: Db<DomainConfigTables>, domainId: string): Promise<DomainConfig> {
  const rows = (await listOptions(db, domainId)).filter((row) => !isSecret(row.option_group, row.option_name));
  const groups = Map.groupBy(rows, (row) => row.option_group);
  return Object.fromEntries(
    [...groups].map(([group, list]) => [
      group,
      Object.fromEntries(list.map((row) => [row.option_name, fromJson(row.value)])),
    ]),
  );
}

async function has(db: Db<DomainConfigTables>, domainId: string, { group, option }: Part): Promise<boolean> {
  const rows = await listOptions(db, domainId);
  return rows.some((row) => row.option_group === group && (option === undefined || row.option_name === option));
}

async function write(
  deps: IdentityDeps,
  tx: Db<DomainConfigTables>,
  domainId: string,
  config: DomainConfig,
): Promise<void> {
  for (const [group, options] of Object.entries(config)) {
    for (const [option, value] of Object.entries(options)) {
      const text = toJson(value);
      await replaceOption(tx, {
        domain_id: domainId,
        option_group: group,
        option_name: option,
        value: isSecret(group, option) ? toJson(deps.vault.seal(text)) : text,
      });
    }
  }
}

function checkConfig(config: unknown): asserts config is DomainConfig {
  if (typeof config !== 'object' || config === null || Object.keys(config).length === 0)
    throw invalid('No options specified');
  for (const [group, options] of Object.entries(config)) {
    checkKnown({ group });
    if (typeof options !== 'object' || options === null || Array.isArray(options))
      throw invalid(`The value of group ${group} specified in the config should be a dictionary of options`);
    for (const option of Object.keys(options)) checkKnown({ group, option });
  }
}

function checkAbout(config: DomainConfig, group: string, option: string | undefined): void {
  const names = Object.keys(config[group] ?? {});
  const isAlone = Object.keys(config).length === 1 && (option === undefined || names.length === 1);
  if (isAlone && group in config && (option === undefined || names[0] === option)) return;
  throw invalid(
    option === undefined
      ? `Trying to update group ${group}, so that, and only that, group must be specified in the config`
      : `Trying to update option ${option} in group ${group}, so that, and only that, option must be specified  in the config`,
  );
}

function checkKnown({ group, option }: Part): void {
  if (group === undefined) return;
  if (!Object.hasOwn(DOMAIN_OPTIONS, group))
    throw invalid(`Group ${group} is not supported for domain specific configurations`);
  if (option === undefined) return;
  if (!Object.hasOwn(DOMAIN_OPTIONS[group] ?? {}, option) && !isSecret(group, option))
    throw invalid(`Option ${option} in group ${group} is not supported for domain specific configurations`);
}

function isSecret(group: string, option: string): boolean {
  return Object.hasOwn(SECRET_OPTIONS, group) && SECRET_OPTIONS[group]?.includes(option) === true;
}

function invalid(reason: string): Forbidden {
  return new Forbidden('identity.domain_config.invalid', `Invalid domain specific configuration: ${reason}.`);
}

function noSuch(domainId: string, { group, option }: Part): NotFound {
  const what =
    option !== undefined
      ? `option ${option} in group ${group ?? ''}`
      : group !== undefined
        ? `group ${group}`
        : 'any options';
  return new NotFound(
    'identity.domain_config.not_found',
    `Could not find ${what} in domain configuration for domain ${domainId}.`,
  );
}
