import { existsSync } from 'node:fs'
import { memoryStore } from '../memory-store.ts'
import type { LogStore } from '../store.ts'
import { fail, misuse } from './failure.ts'

/** How a store that was opened tells of what breaks beside its calls. */
export interface OpenOptions {
  readonly onError: (error: unknown) => void
  /** A file is not made where there is none. */
  readonly mustExist?: boolean
}

interface Kind {
  readonly example: string
  /** The packages that it needs. */
  readonly needs?: readonly string[]
  readonly open: (url: string, options: OpenOptions) => Promise<LogStore>
}

const postgres: Kind = {
  example: 'postgres://user@host/database',
  needs: ['pg'],
  async open(url, { onError }) {
    if (!URL.canParse(url)) misuse('--store is no postgres:// address; a password in it has to be percent-encoded')
    const { postgresStore } = await import('../postgres.ts')
    return postgresStore({ connectionString: url, onError })
  },
}

const nats: Kind = {
  example: 'nats://host,nats://host2,nats://host3',
  needs: ['@nats-io/transport-node', '@nats-io/jetstream'],
  async open(url, { onError }) {
    const parts = partsOf(url)
    if (parts.length === 0) misuse('--store is no nats:// address; a password in it has to be percent-encoded')
    const asked = new Map(parts.flatMap(({ searchParams }) => [...searchParams]))
    const wrong = [...asked.keys()].filter((name) => !['prefix', 'streams', 'replicas'].includes(name))
    if (wrong.length > 0) misuse(`--store has an unknown option: ${wrong.join()}`)
    const [prefix, streams, replicas] = [asked.get('prefix'), asked.get('streams'), asked.get('replicas')]
    const { natsStore } = await import('../nats.ts')
    return natsStore({
      servers: parts.map(({ href }) => href),
      onError,
      ...(prefix === undefined ? {} : { prefix }),
      ...(streams === undefined ? {} : { streams: Number(streams) }),
      ...(replicas === undefined ? {} : { replicas: Number(replicas) }),
    })
  },
}

const kinds: Readonly<Record<string, Kind>> = {
  sqlite: {
    example: 'sqlite:./log.db',
    needs: ['libsql'],
    async open(url, { mustExist }) {
      const path = url.slice('sqlite:'.length).replace(/^\/\/(?=\/|\.)/, '')
      if (path === '') misuse('--store names no file: sqlite:./log.db')
      if (mustExist === true && !existsSync(path)) fail(`there is no file ${path}`)
      const { sqliteStore } = await import('../sqlite.ts')
      return sqliteStore(path)
    },
  },
  postgres,
  postgresql: postgres,
  nats,
  memory: { example: 'memory:', open: async () => memoryStore() },
}

/** A line for each kind of store. */
export const storeExamples: readonly string[] = [...new Set(Object.values(kinds).map(({ example }) => example))].map(
  (example) => `  ${example}`,
)

/** Opens the store at a URL. Rejects with a {@link Failure} when it can't be meant, or a package is missing. */
export async function openStore(url: string, options: OpenOptions): Promise<LogStore> {
  const scheme = /^([a-z]+):/.exec(url)?.[1] ?? ''
  const kind = Object.hasOwn(kinds, scheme) ? kinds[scheme] : undefined
  if (kind === undefined) {
    const examples = storeExamples.map((example) => example.trim()).join(', ')
    return misuse(`--store is of no kind that is known; such as ${examples}`)
  }
  try {
    return await kind.open(url, options)
  } catch (error) {
    const { needs = [] } = kind
    if (needs.some((name) => isMissing(error, name)))
      return fail(`--store ${scheme}: needs ${needs.join(' and ')}: npm install ${needs.join(' ')}`, error)
    throw error
  }
}

/** A package that has a native part misses it under a name of its own. */
const isMissing = (error: unknown, name: string): boolean =>
  error instanceof Error &&
  'code' in error &&
  /^(ERR_)?MODULE_NOT_FOUND$/.test(String(error.code)) &&
  new RegExp(`'@?${name}[/']`).test(error.message)

/** What may be said of a store: never its password, nor what else is in its address. */
export function describeStore(url: string): string {
  if (/^(sqlite|memory):/.test(url)) return url
  const parts = partsOf(url)
  return parts.length === 0 ? 'the store' : parts.map(describe).join(',')
}

/** Alone, a NATS user is a token. */
const isToken = ({ protocol, password }: URL): boolean => protocol === 'nats:' && password === ''

const describe = (url: URL): string => {
  const { protocol, username, host, pathname } = url
  return `${protocol}//${username === '' || isToken(url) ? '' : `${username}@`}${host}${pathname}`
}

/** What of a store's address nobody may see. */
export function secretsOf(url: string): readonly string[] {
  const secrets = partsOf(url).flatMap((url) => {
    const secret = isToken(url) ? url.username : url.password
    return [secret, decoded(secret), url.search.slice(1)]
  })
  return [...new Set(secrets)].filter((secret) => secret.length > 2)
}

/** An address may name several servers, parted by commas. */
function partsOf(url: string): readonly URL[] {
  const texts = url.split(/,(?=[a-z]+:\/\/)/)
  return texts.every((text) => URL.canParse(text)) ? texts.map((text) => new URL(text)) : []
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
