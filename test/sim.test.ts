// A few seeds of the simulator; `npm run sim` lives through many, and `npm run sim:mutants` shows what it would find.
import { describe, expect, test, vi } from 'vitest'
import type { Evidence, Sent } from './sim/evidence.ts'
import { judge } from './sim/oracle.ts'
import { runSeed } from './sim/world.ts'

vi.mock('../src/segments/gzip.ts', () => import('../src/segments/gzip.fixture.ts'))

const seeds = [1, 2, 3, 4, 5, 6]

describe('the simulator', () => {
  test.each(seeds)('finds no broken promise (seed %i)', async (seed) => {
    expect((await runSeed(seed)).problems).toEqual([])
  })

  test('does the same for the same seed, and something else for another', async () => {
    const [first, again, other] = [await runSeed(7), await runSeed(7), await runSeed(8)]
    expect(again).toEqual(first)
    expect(other.hash).not.toBe(first.hash)
  })
})

const fact = { type: 'Noted', stream: 'topic-t', tags: ['topic:t'], data: { topic: 't', text: 'x', of: 1 } }
const note = (id: string, more: Partial<Sent> = {}): Sent => ({
  id,
  device: 'a',
  facts: [fact],
  rules: [],
  isForbidden: false,
  answer: 'ok',
  ...more,
})
const placed = (id: string, first: number) => ({ id, contentId: `c-${id}`, first, last: first, facts: [fact] })
const entry = (id: string, position: number) => ({
  ...fact,
  id: `c-${id}.0`,
  commitId: id,
  version: position,
  position,
})

/** Two commits of one device, both confirmed. */
function sound(): Evidence {
  const entries = [entry('n1', 1), entry('n2', 2)]
  const ending = (position: number) => ({ status: 'confirmed', position })
  return {
    log: [placed('n1', 1), placed('n2', 2)],
    sent: [note('n1'), note('n2', { rules: [{ kind: 'version', stream: 'topic-t', version: 1 }] })],
    devices: [
      {
        name: 'a',
        tabs: [{ name: 'a1', read: entries, view: entries, confirmed: 2, pending: 0 }],
        letters: [],
        acknowledged: new Set(['n1', 'n2']),
        discarded: new Set(),
        withdrawn: new Set(),
        unsent: new Set(),
        takenBack: new Set(),
        endings: new Map([
          ['n1', ending(1)],
          ['n2', ending(2)],
        ]),
        promised: [],
      },
    ],
  }
}

/** The same with one device's part changed. */
const withDevice = (change: Partial<Evidence['devices'][number]>): Evidence => {
  const evidence = sound()
  return { ...evidence, devices: evidence.devices.map((device) => ({ ...device, ...change })) }
}

describe('the oracle', () => {
  test('has nothing against a log that is as it should be', () => {
    expect(judge(sound())).toEqual([])
  })

  test('finds what is lost, doubled, in another order, or told otherwise', () => {
    const evidence = sound()
    const [device] = evidence.devices
    const [tab] = device!.tabs
    const broken: readonly Evidence[] = [
      withDevice({ acknowledged: new Set(['n1', 'n2', 'n3']) }),
      withDevice({ letters: [{ commitId: 'n1', reason: 'Conflict', isForbidden: false }] }),
      withDevice({ unsent: new Set(['n1']) }),
      withDevice({ endings: new Map([['n1', { status: 'confirmed', position: 1 }]]) }),
      withDevice({ promised: [{ id: 'n1', position: 2 }] }),
      withDevice({ tabs: [{ ...tab!, read: tab!.read.toReversed() }] }),
      withDevice({ tabs: [{ ...tab!, view: tab!.view.slice(1) }] }),
      withDevice({ tabs: [{ ...tab!, pending: 1 }] }),
      { ...evidence, log: [...evidence.log, placed('n1', 3)] },
      { ...evidence, log: evidence.log.toReversed().map((commit, at) => ({ ...commit, first: at + 1 })) },
      { ...evidence, sent: [note('n1')] },
    ]
    for (const one of broken) expect(judge(one).length).toBeGreaterThan(0)
  })

  test('finds a rule that does not hold where its commit stands', () => {
    const evidence = sound()
    const command = { by: 'a', seat: 's', other: 't' }
    const seat = (type: string) => ({ type, stream: 'seat-s', tags: ['seat:s'], data: { seat: 's', by: 'a', of: 1 } })
    const booked = { id: 'n3', contentId: 'c-n3', first: 3, last: 3, facts: [seat('Booked')] }
    const asked = note('n3', { facts: [], asked: { rule: 'book', command } })
    const judged = (log: Evidence['log'], sent: Evidence['sent']) => judge({ log, sent, devices: [] })
    expect(judged([...evidence.log, booked], [...evidence.sent, asked])).toEqual([])
    const twice = { ...booked, id: 'n4', contentId: 'c-n4', first: 4, last: 4 }
    expect(judged([...evidence.log, booked, twice], [...evidence.sent, asked, { ...asked, id: 'n4' }])).toHaveLength(1)
  })
})
