import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf } from '../../src/core/errors.ts'
import { isRecord } from '../../src/core/guard.ts'
import { defaultLimits, type ServeConfig } from '../options.ts'
import type { Values } from './command.ts'
import { fail, misuse } from './failure.ts'
import { tokenAuthentication } from './tokens.ts'

const kindOf: Readonly<Record<keyof ServeConfig, 'function' | 'object' | 'string'>> = {
  model: 'object',
  authenticate: 'function',
  tenantOf: 'function',
  authorize: 'function',
  authorizeCommit: 'function',
  validate: 'function',
  limits: 'object',
  basePath: 'string',
  cors: 'object',
  onError: 'function',
  observe: 'function',
}

/** Options of the handler from the module and from the command line; what stands in both is misuse. */
export async function readConfig(values: Values): Promise<ServeConfig> {
  const path = values.text('config')
  const config = path === undefined ? {} : await load(path)
  const tokenFile = values.text('token-file')
  const basePath = values.text('base-path')
  const origins = values.list('cors')
  const only = (key: keyof ServeConfig, option: string): void => {
    if (config[key] !== undefined) misuse(`${key} stands in ${path}, and --${option} is given: one of them has to go`)
  }
  if (tokenFile !== undefined) only('authenticate', 'token-file')
  if (basePath !== undefined) only('basePath', 'base-path')
  if (origins.length > 0) only('cors', 'cors')
  for (const origin of origins) mustBeOrigin(origin)
  const all: ServeConfig = {
    ...config,
    ...(tokenFile !== undefined && { authenticate: tokenAuthentication(tokenFile) }),
    ...(basePath !== undefined && { basePath }),
    ...(origins.length > 0 && { cors: { origins: origins.includes('*') ? '*' : origins } }),
  }
  mustBeBasePath(all.basePath)
  return all
}

async function load(path: string): Promise<ServeConfig> {
  let loaded: unknown
  try {
    loaded = await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    return fail(`--config ${path} can't be loaded: ${messageOf(error)}`, error)
  }
  const config = isRecord(loaded) ? loaded.default : undefined
  if (!isConfig(config)) return fail(`--config ${path} has no object as its default export`)
  for (const [key, value] of Object.entries(config)) {
    const kind = Object.hasOwn(kindOf, key) ? kindOf[key as keyof ServeConfig] : undefined
    if (kind === undefined) fail(`--config ${path} has ${key}, and only knows ${Object.keys(kindOf).join(', ')}`)
    if (value !== undefined && typeof value !== kind) fail(`--config ${path}: ${key} is no ${kind}`)
  }
  for (const key of Object.keys(config.limits ?? {}))
    if (!Object.hasOwn(defaultLimits, key)) fail(`--config ${path}: there is no limit ${key}`)
  return config
}

/** Its members are looked at one by one afterwards. */
const isConfig = (value: unknown): value is ServeConfig => isRecord(value)

function mustBeOrigin(origin: string): void {
  if (origin === '*') return
  const isOrigin = URL.canParse(origin) && new URL(origin).origin === origin
  if (!isOrigin) misuse(`--cors ${JSON.stringify(origin)} is no origin such as https://shop.example, nor *`)
}

function mustBeBasePath(path: string | undefined): void {
  if (path === undefined || /^(?:\/[\w.~-]+)+$/.test(path)) return
  misuse(`--base-path ${JSON.stringify(path)} is no path such as /sync`)
}
