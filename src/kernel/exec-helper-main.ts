/** The helper process when it runs unbuilt; the built program has the hidden subcommand `exec-helper` for it. */
import { serveExec } from './exec-serve.ts';

await serveExec(process.stdin, process.stdout);
process.exit(0);
