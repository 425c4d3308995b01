/** The log API where the data is, over any store; nothing here needs Node. */
export { openServerLog, type ServerLog, type ServerLogOptions } from './open.ts'
