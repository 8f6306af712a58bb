/** Files that may touch the world: by room, or by name. All others are pure: same input, same output. */
const SHELL_ROOM = /^src\/(kube|runtime|speaker\/io)\/|^src\/speaker\/membership\/membership\.ts$/
const SHELL_NAME = /\/(main|config|server|reconcile|announcer|session|worker|cluster|store)\.ts$/

/** Whether a file of the product is a shell; `path` is from the root of the repository. */
export const isShell = (path: string): boolean => SHELL_ROOM.test(path) || SHELL_NAME.test(path)
