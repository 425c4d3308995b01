import type { CommitCondition, Metadata } from '../core/commit.ts'
import { mustBe } from '../core/errors.ts'
import { isCount, isText } from '../core/guard.ts'
import { commitIdMax } from '../core/limits.ts'
import type { Marker } from '../core/outcome.ts'
import type { Addressed } from '../core/prepare.ts'
import { type AnyQuery, mustBeStreamName, queryToItems } from '../core/queries.ts'
import type { AppendRequest, Durability } from '../protocol/worker.ts'

type AnyFact = Addressed['fact']
interface AnyOptions {
  readonly commitId?: string
  readonly metadata?: Metadata
  readonly durability?: Durability
  readonly expectedVersion?: number | 'exists' | 'any'
  readonly failIfEventsMatch?: AnyQuery
  readonly after?: Marker
}
interface AnyStreamWrite {
  readonly stream: string
  readonly events: readonly AnyFact[]
  readonly expectedVersion?: number | 'exists' | 'any'
}
export type AppendArguments =
  | readonly [stream: string, events: readonly AnyFact[], options?: AnyOptions]
  | readonly [events: readonly (AnyFact | AnyStreamWrite)[], options?: AnyOptions]

/** An append as the caller meant it, whichever way it was written. */
export interface AppendCall {
  readonly events: readonly Addressed[]
  /** Where all events go when the versions name no stream. */
  readonly expectedVersion: number | 'exists' | undefined
  readonly expected: NonNullable<AppendRequest['expected']>
  readonly options: AnyOptions
}

const optionNames: ReadonlySet<string> = new Set([
  'commitId',
  'metadata',
  'durability',
  'expectedVersion',
  'failIfEventsMatch',
  'after',
])

/** Reads the arguments of `append`. Throws for misuse. */
export function readArguments(args: AppendArguments): AppendCall {
  const [first] = args
  if (typeof first === 'string') return readStream(first, args[1], args[2])
  mustBe(
    Array.isArray(first),
    'append takes a stream and events, or events that know their stream, or a list of writes',
  )
  const options = readOptions(args[1])
  if (first.some(isStreamWrite)) return readWrites(first, options)
  const events = first.map((fact): Addressed => ({ fact }))
  return { events, expectedVersion: versionOf(options.expectedVersion), expected: [], options }
}

function readStream(stream: string, events: unknown, given: unknown): AppendCall {
  mustBeStreamName(stream)
  mustBe(Array.isArray(events), `append to ${stream}: the events must be a list`)
  const options = readOptions(given)
  const version = versionOf(options.expectedVersion)
  const expected = version === undefined ? [] : [{ stream, version }]
  return { events: events.map((fact) => ({ fact, stream })), expectedVersion: undefined, expected, options }
}

function readWrites(writes: readonly unknown[], options: AnyOptions): AppendCall {
  mustBe(options.expectedVersion === undefined, 'with several streams each write has its own expectedVersion')
  const events: Addressed[] = []
  const expected = new Map<string, number | 'exists'>()
  for (const write of writes) {
    mustBe(isStreamWrite(write), 'a commit is either events or writes to streams, not both')
    const { stream } = write
    mustBeStreamName(stream)
    mustBe(Array.isArray(write.events), `append to ${stream}: the events must be a list`)
    const version = versionOf(write.expectedVersion)
    mustBe(version === undefined || !expected.has(stream), `append: ${stream} has two expected versions`)
    if (version !== undefined) expected.set(stream, version)
    for (const fact of write.events) events.push({ fact, stream })
  }
  return {
    events,
    expectedVersion: undefined,
    expected: [...expected].map(([stream, version]) => ({ stream, version })),
    options,
  }
}

const isStreamWrite = (value: unknown): value is AnyStreamWrite =>
  typeof value === 'object' && value !== null && 'stream' in value && 'events' in value

function readOptions(given: unknown): AnyOptions {
  if (given === undefined) return {}
  mustBe(typeof given === 'object' && given !== null, 'the options of an append must be an object')
  for (const name of Object.keys(given)) mustBe(optionNames.has(name), `append has no option ${name}`)
  const options: AnyOptions = given
  const { commitId, durability, metadata, expectedVersion, failIfEventsMatch, after } = options
  mustBe(commitId === undefined || isText(commitId, commitIdMax), `a commitId has 1 to ${commitIdMax} characters`)
  mustBe(
    durability === undefined || durability === 'relaxed' || durability === 'strict',
    "durability is 'relaxed' or 'strict'",
  )
  const hasVersion = expectedVersion !== undefined && expectedVersion !== 'any'
  mustBe(!hasVersion || failIfEventsMatch === undefined, 'an append has one condition: a version or a query')
  mustBe(after === undefined || hasVersion || failIfEventsMatch !== undefined, 'after belongs to a condition')
  if (after !== undefined) mustBeMarker(after)
  for (const [key, value] of Object.entries(metadata ?? {}))
    mustBe(value === undefined || typeof value === 'string', `metadata.${key} must be a string`)
  return options
}

function versionOf(version: unknown): number | 'exists' | undefined {
  if (version === undefined || version === 'any') return undefined
  mustBe(
    version === 'exists' || isCount(version),
    `expectedVersion must be 'any', 'exists' or a whole number from 0, not ${String(version)}`,
  )
  return version
}

/** Refuses what no read or append has given. */
export function mustBeMarker(marker: Marker): void {
  const isMarker =
    typeof marker === 'object' &&
    marker !== null &&
    typeof marker.database === 'string' &&
    isCount(marker.revision) &&
    isCount(marker.confirmed)
  mustBe(isMarker, 'a marker must be the head of a read or the head of a receipt')
}

/** What must not have changed, for the sequencer to check again; and the query, for the worker to check now. */
export function conditionOf(
  call: AppendCall,
  expected: NonNullable<AppendRequest['expected']>,
): { readonly condition: CommitCondition | undefined; readonly failIf: AppendRequest['failIf'] } {
  const { failIfEventsMatch } = call.options
  const query = failIfEventsMatch === undefined ? undefined : queryToItems(failIfEventsMatch)
  const streams = expected.map(({ stream }) => stream)
  if (query === undefined && streams.length === 0) return { condition: undefined, failIf: undefined }
  const condition = { ...(streams.length > 0 ? { streams } : {}), ...(query === undefined ? {} : { query }) }
  return { condition, failIf: query }
}
