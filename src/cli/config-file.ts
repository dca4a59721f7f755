import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { errorText } from '#kernel/errors.ts';

/** What an operator has set in `config/pileus.yaml`, section by section; names in camel case as the program has them. */
export type CloudConfig = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The sections that there are, and in each the options and their defaults: anything else is a mistake worth telling. */
export type KnownOptions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Reads `pileus.yaml`: sections of `snake_case` options. No file is no options.
 * @param others sections that another process reads.
 * @throws {Error} naming the file and what is wrong in it: not YAML, an unknown section or option, a value of another kind.
 */
export function readConfigFile(configDir: string, known: KnownOptions, others: readonly string[] = []): CloudConfig {
  const file = join(configDir, 'pileus.yaml');
  if (!existsSync(file)) return {};
  try {
    const content: unknown = parse(readFileSync(file, 'utf8')) ?? {};
    const sections = Object.entries(asMapping('the file', content)).filter(([name]) => !others.includes(name));
    return Object.fromEntries(sections.map(([name, options]) => [name, readSection(name, options, known)]));
  } catch (error) {
    throw new Error(`${file}: ${errorText(error)}`, { cause: error });
  }
}

function readSection(name: string, content: unknown, known: KnownOptions): Record<string, unknown> {
  const defaults = known[name];
  if (defaults === undefined)
    throw new Error(`there is no section ${name}; there are ${Object.keys(known).join(', ')}`);
  const options = Object.entries(asMapping(`section ${name}`, content)).map(([option, value]) => {
    const key = option.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    if (!Object.hasOwn(defaults, key)) throw new Error(`section ${name} has no option ${option}`);
    const usual = defaults[key];
    if (usual !== null && value !== null && typeof usual !== typeof value) {
      throw new Error(`${name}.${option} must be a ${typeof usual}, such as ${JSON.stringify(usual)}`);
    }
    return [key, value] as const;
  });
  return Object.fromEntries(options);
}

function asMapping(what: string, content: unknown): Record<string, unknown> {
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new Error(`${what} is not a mapping`);
  return content as Record<string, unknown>;
}
