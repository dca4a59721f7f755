import type { Db } from '#kernel/db/database.ts';
import { fromJson } from '#kernel/db/json.ts';
import { applyPage } from '#kernel/db/page.ts';
import type { ServerFlavor, ServerTables } from '../servers/tables.ts';

export interface UsedServer {
  readonly id: string;
  readonly name: string;
  readonly project_id: string;
  readonly vm_state: string;
  readonly launched_at: number;
  readonly terminated_at: number | null;
  readonly created_at: number;
  readonly flavor: ServerFlavor;
}

export interface UsageWindow {
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
  /** Undefined for all projects. */
  readonly projectId: string | undefined;
}

const columns = [
  'id',
  'name',
  'project_id',
  'vm_state',
  'launched_at',
  'terminated_at',
  'created_at',
  'flavor',
] as const;

/** Servers that ran at some time in the window, deleted ones too, in the order of project and making. */
export async function listUsedServers(
  db: Db<ServerTables>,
  { start, end, projectId }: UsageWindow,
  page: { readonly marker: UsedServer | undefined; readonly limit: number },
): Promise<UsedServer[]> {
  const query = db
    .selectFrom('servers')
    .select(columns)
    .where('launched_at', 'is not', null)
    .where('launched_at', '<=', end)
    .where((eb) => eb.or([eb('terminated_at', 'is', null), eb('terminated_at', '>=', start)]))
    .$if(projectId !== undefined, (q) => q.where('project_id', '=', projectId ?? ''));
  const keys = ['project_id', 'created_at', 'id'].map((column) => ({ column, direction: 'asc' as const }));
  const marker = page.marker as unknown as Readonly<Record<string, unknown>> | undefined;
  const rows = await applyPage(query, { keys, marker, limit: page.limit }).execute();
  return rows.map((row) => ({ ...row, launched_at: row.launched_at ?? 0, flavor: fromJson(row.flavor) }));
}

export async function findUsedServer(db: Db<ServerTables>, id: string): Promise<UsedServer | undefined> {
  const row = await db.selectFrom('servers').select(columns).where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : { ...row, launched_at: row.launched_at ?? 0, flavor: fromJson(row.flavor) };
}
