/** A store for several endpoints: PostgreSQL. Needs the package `pg`. */
export type { PostgresClient, PostgresNotice, PostgresPool } from './postgres-client.ts'
export { PostgresStoreError, type PostgresStoreErrorCode } from './postgres-error.ts'
export { type PostgresStoreOptions, postgresStore } from './postgres-store.ts'
