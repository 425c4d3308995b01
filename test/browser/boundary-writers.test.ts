// Random conditions of many writers at once, judged by the log that came of them.

import { unwrap } from 'tidelog'
import { tidyProgress } from 'tidelog/transfer'
import { expect, test } from 'vitest'
import { mustBeWhole, mustHaveMet, mustHold, mustSayWhy } from './boundary-judge.ts'
import { acceptedOf, idsOf, writeAll } from './boundary-writer.ts'
import { newKey, note, openNotes } from './notes.ts'
import { listen } from './raw.ts'

/** Has twenty writers in five workers write to a log, and judges what came of it. */
async function judgeWriters(key: string, seed: number): Promise<void> {
  const tabs = Array.from({ length: 5 }, () => openNotes(key))
  await Promise.all(tabs.map(({ ready }) => ready))
  const { heard, stop } = await listen(key)
  const tried = await writeAll({ tabs, seed, turns: 20 })
  const { events: log } = await openNotes(key).read().all()
  const accepted = acceptedOf(tried)
  expect(idsOf(log.filter(({ commitId }) => commitId !== 'before'))).toEqual(idsOf(accepted))
  mustBeWhole(log, tried)
  mustHold(log, tried)
  mustSayWhy(tried)
  for (const { outcome } of tried)
    if (!outcome.ok && outcome.reason.type === 'ConditionConflict') expect(outcome.reason.events).not.toEqual([])
  mustHaveMet(log, tried)
  expect(heard.filter(({ kind }) => kind === 'contended').length).toBeGreaterThan(0)
  stop()
}

test.each([1, 2, 3])(
  'DCB-2 of twenty writers in five workers each kept condition holds where it stands in the log, and each refusal says why: seed %i',
  (seed) => judgeWriters(newKey(), seed),
)

test.each([4, 5])(
  'DCB-2 of twenty writers each kept condition holds also on what is packed away, which a check reads from the disk: seed %i',
  async (seed) => {
    const key = newKey()
    const log = openNotes(key)
    // So many that they are worth a segment.
    const many = Array.from({ length: 2_000 }, (_, nth) => note(`${nth}`, { topic: `old-${nth % 7}` }))
    unwrap(await log.append('s', many, { commitId: 'before' }))
    const tidied = tidyProgress(log)
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (tidied.get().done >= many.length) resolve()
      }
      tidied.subscribe(look)
      look()
    })
    tidied.close()
    await judgeWriters(key, seed)
  },
)
