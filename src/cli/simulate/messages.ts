/** What `pileus simulate` and its process of fake hosts say to each other. */

export interface HostsStart {
  readonly hosts: number;
  readonly dataDir: string;
  readonly controllerSocket: string;
}

export type HostsMessage = { readonly type: 'ready' } | { readonly type: 'failed'; readonly message: string };

/** The id of a fake host by its number. */
export function hostIdOf(index: number): string {
  return `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;
}
