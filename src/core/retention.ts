import { mustBe, mustKnow } from './errors.ts'
import { isCount, isRecord, isText, isWellFormed } from './guard.ts'
import { matcherOf } from './lifecycle.ts'
import { streamNameMax } from './limits.ts'

/** How long the events of some streams are kept: what is older, or more than the newest so many, is removed. */
export interface Retention {
  readonly days?: number
  readonly events?: number
}

/** The retention of the streams that a pattern means, of which `*` stands for anything. */
export type Retentions = Readonly<Record<string, Retention>>

/** Refuses retentions that make no sense. */
export function mustBeRetentions(retentions: Retentions): void {
  for (const [pattern, retention] of Object.entries(retentions)) {
    mustBe(isText(pattern, streamNameMax) && isWellFormed(pattern), 'a pattern of streams', pattern)
    mustBe(isRecord(retention), `the retention of ${pattern}`, retention)
    const { days, events, ...unknown }: Retention = retention
    mustKnow(unknown, '')
    mustBe(days !== undefined || events !== undefined, `the retention of ${pattern}`, 'empty')
    const isDays = typeof days === 'number' && Number.isFinite(days) && days > 0
    mustBe(days === undefined || isDays, 'days', days)
    mustBe(events === undefined || isCount(events, 1), 'events', events)
  }
}

/** Refuses conditions on streams whose events are not kept for good: what they look at may be gone. */
export function unretained(retentions: Retentions): (streams: readonly string[]) => void {
  const matchers = Object.keys(retentions).map(matcherOf)
  return (streams) => {
    for (const stream of streams)
      mustBe(!matchers.some((isOf) => isOf(stream)), 'a condition', `on ${stream}, whose events are not kept for good`)
  }
}
