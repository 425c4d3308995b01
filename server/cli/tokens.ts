import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { messageOf } from '../../src/core/errors.ts'
import { isId } from '../../src/core/guard.ts'
import { fail } from './failure.ts'

/** Characters of a token: one that is short can be guessed. */
const tokenLengthMin = 16

/** By their hashes: how long a comparison takes tells nothing about a token. */
const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64')

/** Reads who may come in from a file with a line for each: a name, and behind a space a bearer token. `#` begins a comment. */
export function tokenAuthentication(path: string): (request: Request) => string | undefined {
  const names = new Map<string, string>()
  for (const [at, line] of read(path).split(/\r?\n/).entries()) {
    const fields = line.trim().split(/\s+/)
    const [name = '', token = '', ...rest] = fields
    if (name === '' || name.startsWith('#')) continue
    // What is wrong with a line is told without the line: it may be a token that lacks its name.
    const where = `line ${at + 1} of ${path}`
    if (token === '' || rest.length > 0) fail(`${where} is not a name, a space and a token`)
    if (!isId(name, 512)) fail(`${where}: the name is not usable`)
    if (token.length < tokenLengthMin) fail(`${where}: a token has at least ${tokenLengthMin} characters`)
    if (names.has(hashOf(token))) fail(`${where}: the same token stands above already`)
    names.set(hashOf(token), name)
  }
  if (names.size === 0) fail(`${path} has no token: a line for each, with a name, a space and a token`)
  return (request) => {
    const [, token] = /^bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '') ?? []
    return token === undefined ? undefined : names.get(hashOf(token))
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    return fail(`--token-file can't be read: ${messageOf(error)}`)
  }
}
