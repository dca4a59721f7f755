import { stringify } from 'yaml';
import { writeFileAtomic } from '#kernel/files.ts';
import type { CloudFolder } from './cloud-folder.ts';
import { shellQuote } from './shell-quote.ts';

export interface Credentials {
  readonly authUrl: string;
  readonly region: string;
  readonly username: string;
  readonly password: string;
  readonly projectName: string;
}

/** Writes `openrc` and `clouds.yaml` (cloud name `pileus`) for the administrator, readable by their owner only. */
export async function writeCredentials(folder: CloudFolder, credentials: Credentials): Promise<void> {
  await writeFileAtomic(folder.openrcFile, openrc(credentials));
  await writeFileAtomic(folder.cloudsYamlFile, cloudsYaml(credentials));
}

function openrc(credentials: Credentials): string {
  const variables = {
    OS_AUTH_TYPE: 'password',
    OS_AUTH_URL: credentials.authUrl,
    OS_IDENTITY_API_VERSION: '3',
    OS_REGION_NAME: credentials.region,
    OS_USERNAME: credentials.username,
    OS_PASSWORD: credentials.password,
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_NAME: credentials.projectName,
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_INTERFACE: 'public',
  };
  // An older login in the same shell must not mix with this one.
  const stale = [
    'OS_CLOUD',
    'OS_TOKEN',
    'OS_PROJECT_ID',
    'OS_USER_DOMAIN_ID',
    'OS_PROJECT_DOMAIN_ID',
    'OS_SYSTEM_SCOPE',
  ];
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${shellQuote(value)}`);
  return `unset ${stale.join(' ')}\n${lines.join('\n')}\n`;
}

function cloudsYaml(credentials: Credentials): string {
  return stringify({
    clouds: {
      pileus: {
        auth: {
          auth_url: credentials.authUrl,
          username: credentials.username,
          password: credentials.password,
          project_name: credentials.projectName,
          user_domain_name: 'Default',
          project_domain_name: 'Default',
        },
        region_name: credentials.region,
        identity_api_version: 3,
        interface: 'public',
      },
    },
  });
}
