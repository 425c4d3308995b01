import { type Deciders, Undecidable } from '../core/command.ts'
import type { Commit } from '../core/commit.ts'
import type { AppendText } from '../protocol/worker.ts'
import { callOf, changed, eventOf } from './log.fixture.ts'

/** `sees`: records what it saw · `fixed`: always the same · `first`: nothing to do when anything is there */
export interface Asked {
  readonly kind: 'sees' | 'fixed' | 'first' | 'only-if-empty' | 'unknown' | 'fails'
  readonly on: string
  readonly to?: string
}

/** Rules whose decision is what they saw. */
export const deciders: Deciders = ({ name, data }) => {
  const { kind, on, to = on } = data as Asked
  if (kind === 'unknown') throw new Undecidable('needs-decider', name)
  return {
    key: JSON.stringify([name, on]),
    condition: { streams: [on] },
    selectors: [{ stream: on }],
    initial: [],
    fold: (state, events) => [...(state as readonly string[]), ...events.map((one) => `${one.data}@${one.version}`)],
    decide: (state) => {
      const saw = state as readonly string[]
      if (kind === 'fails') throw new Undecidable('decider-failed', name)
      if (kind === 'only-if-empty' && saw.length > 0) return { kind: 'refused', refusal: { type: 'Taken', data: saw } }
      if (kind === 'first' && saw.length > 0) return { kind: 'events', events: [] }
      return { kind: 'events', events: [{ ...eventOf(`${to}1`), data: kind === 'sees' ? saw.join(' ') : `${to}1` }] }
    },
  }
}
export const commandOf = (asked: Asked): NonNullable<Commit['command']> => ({ name: asked.kind, v: 1, data: asked })
/** Executes as the page asks for it. */
export const executeOf = (id: string, asked: Asked): AppendText =>
  changed(callOf(id, []), { command: commandOf(asked) })
