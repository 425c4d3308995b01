// Finds the programs of PostgreSQL, and has Debian install them where they are missing. Needs nothing but Node.
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { installFromDebian } from './engines.js'
import { fail } from './steps.js'

/** Debian keeps the programs of each version in a folder of its own, which is on nobody's path. */
export const postgresPrograms = () => {
  const versions = '/usr/lib/postgresql'
  const found = existsSync(versions) ? readdirSync(versions).map((name) => join(versions, name, 'bin')) : []
  const path = (process.env.PATH ?? '').split(delimiter)
  return [process.env.TIDELOG_POSTGRES, ...found.sort().reverse(), ...path].find(
    (folder) => folder && ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))),
  )
}

export const findPostgres = () => {
  if (postgresPrograms() !== undefined) return
  // In this runlevel Debian starts no services: the tests make and start clusters of their own.
  process.env.RUNLEVEL = '1'
  installFromDebian('postgresql')
  if (postgresPrograms() === undefined)
    fail('no PostgreSQL for the tests: install it, or set TIDELOG_POSTGRES to the folder of its programs.')
}
