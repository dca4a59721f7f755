import packageJson from '../../package.json' with { type: 'json' };

/** The version that `pileus --version`, agents and the API documents show. */
export const VERSION = packageJson.version;
