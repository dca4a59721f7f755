/** One line of the list of operations that tests have seen work: `compute POST /v2.1/servers/:serverId/action reboot`. */
export function recordOf(type: string, method: string, path: string, action: string): string {
  return [type, method, path, action].filter((part) => part !== '').join(' ');
}
