export { type CommandState, type RefusedLater, type RunCommand, useCommand } from './use-command.ts'
export { useDeadLetters, useSync } from './use-sync.ts'
export { useView } from './use-view.ts'
