// The rules: each takes the sources and answers one line per problem.
import { portsOnly, type Room, rooms } from './rooms.ts'
import type { Call, Import, Source } from './source.ts'

export const fileLinesMax = 500
export const functionLinesMax = 70

/** What crosses rooms and may use any package. */
const isOutside = (path: string): boolean =>
  /\.(?:test|test-d|fixture)\.ts$/.test(path) || /^(?:test|bench|scripts)\//.test(path) || !path.includes('/')
/** A file of tests, where functions mostly hold others. A contract is one that lives in its room. */
const isSuite = (path: string): boolean =>
  /\.(?:test|test-d|fixture)\.ts$|\bcontract\.ts$/.test(path) || path.startsWith('test/')

const isIn = (path: string, room: string): boolean => path === room || path.startsWith(`${room}/`)
const roomOf = (path: string): string | undefined => Object.keys(rooms).find((room) => isIn(path, room))

const packageOf = (name: string): string =>
  name.startsWith('node:') ? 'node:*' : name.split('/', name.startsWith('@') ? 2 : 1).join('/')

const mayImport = (own: string, room: Room, { target, isFile, typeOnly }: Import): boolean => {
  const allows = (rule: string, is: (name: string) => boolean): boolean =>
    rule.startsWith('type ') ? typeOnly && is(rule.slice('type '.length)) : is(rule)
  if (isFile) return isIn(target, own) || room.rooms.some((rule) => allows(rule, (name) => isIn(target, name)))
  return room.packages.some((rule) => allows(rule, (name) => name === packageOf(target)))
}

/** Every file is in a room, and imports only what its room may. */
export const forbiddenImports = (sources: readonly Source[]): string[] =>
  sources.flatMap(({ path, imports }) => {
    if (isOutside(path)) return []
    const own = roomOf(path)
    const room = own && rooms[own]
    if (!own || !room) return [`${path} is in no room of test/tidy/rooms.ts`]
    return imports
      .filter((one) => !mayImport(own, room, one) && !(isSuite(path) && one.target === 'vitest'))
      .map((one) => `${path}:${one.line} ${own} must not import ${one.typeOnly ? 'type ' : ''}${one.target}`)
  })

/** No file imports itself by way of others, types included. */
export const cycles = (sources: readonly Source[]): string[] => {
  const files = new Map(sources.map((source) => [source.path, source]))
  const done = new Set<string>()
  const found: string[] = []
  const follow = (path: string, trail: readonly string[]): void => {
    const seen = trail.indexOf(path)
    if (seen >= 0) found.push([...trail.slice(seen), path].join(' → '))
    if (seen >= 0 || done.has(path)) return
    for (const { target } of files.get(path)?.imports ?? []) if (files.has(target)) follow(target, [...trail, path])
    done.add(path)
  }
  for (const path of files.keys()) follow(path, [])
  return found
}

/** Files over the limit, and then the longest ones, to see them coming. */
export const longFiles = (sources: readonly Source[]): string[] => {
  const longest = [...sources].sort((a, b) => b.lines - a.lines)
  const tooLong = longest.filter((source) => source.lines > fileLinesMax)
  const say = ({ path, lines }: Source): string => `${path} has ${lines} lines`
  if (tooLong.length === 0) return []
  return [...tooLong.map((source) => `${say(source)}, at most ${fileLinesMax}`), ...longest.slice(0, 8).map(say)]
}

export const longFunctions = (sources: readonly Source[]): string[] =>
  sources.flatMap(({ path, functions }) =>
    functions
      .map(({ name, line, lines, ownLines }) => ({ name, line, lines: isSuite(path) ? ownLines : lines }))
      .filter(({ lines }) => lines > functionLinesMax)
      .map(({ name, line, lines }) => `${path}:${line} ${name} has ${lines} lines, at most ${functionLinesMax}`),
  )

/** IndexedDB transactions are opened by one function of the store: there, all requests and the commit are one turn. */
export const strayTransactions = (sources: readonly Source[]): string[] => {
  const places = sources
    .filter(({ path }) => /^(?:src|worker)\//.test(path) && !isOutside(path))
    .flatMap(({ path, calls }) =>
      calls.filter(({ callee }) => /\.transaction$/.test(callee)).map(({ inside, line }) => ({ path, inside, line })),
    )
  const elsewhere = places.filter(({ path }) => !isIn(path, 'src/store'))
  const doors = new Set(
    places.filter((place) => !elsewhere.includes(place)).map(({ path, inside }) => `${path} ${inside}`),
  )
  const problems = elsewhere.map(({ path, line }) => `${path}:${line} opens a transaction outside src/store`)
  if (doors.size !== 1) problems.push(`one function of src/store opens transactions, not ${doors.size}: ${[...doors]}`)
  return problems
}

const clockMembers =
  /^(?:Date\.now|performance\.now|Math\.random|crypto\.(?:randomUUID|getRandomValues)|(?:globalThis|self)\.set(?:Timeout|Interval))$/
const isClockCall = ({ callee, args }: Call): boolean =>
  callee === 'setTimeout' || callee === 'setInterval' || (callee === 'new Date' && args === 0)

/** Time, timers and randomness come in through ports. */
export const straySideEffects = (sources: readonly Source[]): string[] =>
  sources
    .filter(({ path }) => !isSuite(path) && portsOnly.some((room) => isIn(path, room)))
    .flatMap(({ path, calls, members }) => [
      ...calls.filter(isClockCall).map(({ callee, line }) => `${path}:${line} ${callee}: take it from the ports`),
      ...members
        .filter(({ text }) => clockMembers.test(text))
        .map(({ text, line }) => `${path}:${line} ${text}: take it from the ports`),
    ])

const testCall = /^(?:test|it|describe|suite|bench)\b.*\.(only|skip|todo|fails|skipIf|runIf)$/

/** No test is singled out or left for later; one that cannot run here says why, on its line or the one above. */
export const silencedTests = (sources: readonly Source[]): string[] =>
  sources.flatMap(({ path, calls, comments }) =>
    calls.flatMap(({ callee, line }) => {
      const how = testCall.exec(callee)?.[1]
      if (!how) return []
      if (['only', 'todo', 'fails'].includes(how)) return [`${path}:${line} ${callee}`]
      const explained = comments.some((comment) => comment.line === line || comment.line === line - 1)
      return explained ? [] : [`${path}:${line} ${callee} without a comment that gives the reason`]
    }),
  )

/** A module that another test may have loaded before is not replaced: who replaces one has a process of its own. */
export const strayMocks = (sources: readonly Source[], alone: readonly string[]): string[] =>
  sources
    .filter(({ path }) => !alone.includes(path))
    .flatMap(({ path, calls }) =>
      calls
        .filter(({ callee }) => /^vi\.(?:mock|doMock|resetModules)$/.test(callee))
        .map(({ callee, line }) => `${path}:${line} ${callee}: the file belongs into scripts/mocked.ts`),
    )

// In brackets, so that a plain search for such words does not end here.
const leftover = /\b(?:TO[D]O|FI[X]ME|X[X]X|HA[C]K)\b/

/** What is left to do stands in an issue, not in a comment. */
export const leftovers = (sources: readonly Source[]): string[] =>
  sources.flatMap(({ path, comments }) =>
    comments
      .filter(({ text }) => leftover.test(text))
      .map(({ text, line }) => `${path}:${line} ${text.trim().slice(0, 80)}`),
  )
