/** The helper process; built, it is `dist/exec-helper-main.mjs`. */
import { serveExec } from './exec-serve.ts';

await serveExec(process.stdin, process.stdout);
process.exit(0);
