/** The embedded store: one SQLite file, nothing to install. Needs the package `libsql`. */
export { type SqliteStoreOptions, sqliteStore } from './sqlite-store.ts'
