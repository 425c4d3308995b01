import type { Metadata } from '../core/commit.ts'
import type { AnyDecider, CommandOf } from '../core/decider.ts'
import { mustBe } from '../core/errors.ts'
import type { EventMap, Fact } from '../core/event.ts'
import { isCount, isText } from '../core/guard.ts'
import { timeNow } from '../core/time.ts'
import { Serial } from '../log/queue.ts'
import type { KeptChanges } from '../protocol/worker.ts'
import { problemOf } from './failures.ts'
import type { ConsumerPorts } from './ports.ts'
import { type Sent, sendCommit, toCommand } from './send-commit.ts'

/** What a message means: facts, or a command for a decider. Nothing: it is passed over. */
export type Translation<M extends EventMap, D extends AnyDecider = AnyDecider> =
  | readonly Fact<M>[]
  | { readonly decider: D; readonly command: CommandOf<D> }
  | undefined

/** A message that could not be understood, or that the log would not take. */
export interface UntranslatedMessage {
  readonly source: string
  readonly offset: number
  readonly message: unknown
  readonly problem: string
  /** ISO 8601. */
  readonly time: string
}
/** Brings messages of an external source into the log, each once in effect. */
export interface Translator {
  /** `taken`, or `passed` when it meant nothing · `bypassed`: its offset was here before · `recorded`: it could not be understood, or was refused */
  readonly receive: (message: unknown, offset: number) => Promise<'taken' | 'passed' | 'bypassed' | 'recorded'>
  /** The last offset that was received. */
  readonly last: () => Promise<number | undefined>
  readonly untranslated: () => Promise<readonly UntranslatedMessage[]>
  readonly discard: (offset: number) => Promise<void>
}

export function createTranslatorOver(
  ports: Pick<ConsumerPorts, 'call' | 'definitions' | 'clock' | 'random'>,
  source: string,
  translate: (message: unknown) => Translation<EventMap>,
): Translator {
  mustBe(isText(source, 64), 'a source', source)
  mustBe(typeof translate === 'function', 'a translation', translate)
  const { call } = ports
  const name = encodeURIComponent(source)
  const chain = `source/${name}/`
  const lostChain = `untranslated/${name}/`
  const inOrder = new Serial()
  const last = async (): Promise<number | undefined> => {
    const rows = await call((api) => api.listKept(chain))
    return rows.at(-1)?.n
  }
  /** The offset is a key that only rises, so that a tab that lags behind can't take it back. */
  const moveTo = (offset: number): KeptChanges => ({
    put: [{ chain, n: offset, value: {} }],
    ...(offset > 0 && { delete: [{ chain, from: 0, to: offset - 1 }] }),
  })
  const record = async (offset: number, message: unknown, error: unknown): Promise<'recorded'> => {
    const value: UntranslatedMessage = {
      source,
      offset,
      message: JSON.parse(JSON.stringify(message) ?? 'null'),
      problem: problemOf(error),
      time: timeNow(ports.clock),
    }
    const { put = [], ...moved } = moveTo(offset)
    await call((api) => api.keep({ ...moved, put: [...put, { chain: lostChain, n: offset, value }] }))
    return 'recorded'
  }
  const receive = async (message: unknown, offset: number) => {
    const before = await last()
    if (before !== undefined && offset <= before) return 'bypassed'
    let sent: Sent | undefined
    try {
      sent = toSent(translate(message), { id: `${name}/${offset}`, metadata: { correlationId: `${source}/${offset}` } })
    } catch (error) {
      return record(offset, message, error)
    }
    if (sent === undefined) {
      await call((api) => api.keep(moveTo(offset)))
      return 'passed'
    }
    try {
      const how = await sendCommit(ports, { ...sent, keep: moveTo(offset) })
      // Of what is not written here the offset is kept all the same.
      if (how === 'refused') return record(offset, message, new Error('refused by its decider'))
      if (how !== 'taken' || sent.command !== undefined) await call((api) => api.keep(moveTo(offset)))
      return 'taken'
    } catch (error) {
      if (isRefusedByLog(error)) return record(offset, message, error)
      throw error
    }
  }
  return {
    receive: (message, offset) => {
      mustBe(isCount(offset), 'an offset', offset)
      return inOrder.run(() => receive(message, offset))
    },
    last,
    untranslated: async () =>
      (await call((api) => api.listKept(lostChain))).map(({ value }) => value as UntranslatedMessage),
    discard: async (offset) => {
      await call((api) => api.keep({ delete: [{ chain: lostChain, from: offset, to: offset }] }))
    },
  }
}

const isRefusedByLog = (error: unknown): boolean =>
  error instanceof Error && ['tidelog/data', 'tidelog/argument', 'tidelog/decider'].includes(error.name)

function toSent(
  translation: Translation<EventMap>,
  head: { readonly id: string; readonly metadata: Metadata },
): Sent | undefined {
  if (translation === undefined) return undefined
  if ('decider' in translation) {
    return { ...head, command: toCommand(translation.decider, translation.command) }
  }
  mustBe(Array.isArray(translation), 'a translation', translation)
  return translation.length === 0 ? undefined : { ...head, facts: translation }
}
