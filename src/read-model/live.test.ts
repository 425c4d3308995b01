import { expect, test, vi } from 'vitest'
import { createLiveQuery } from './live.ts'

test('a live query looks for what it was told of, although a late notice tells of less', async () => {
  const asked: number[] = []
  let tell: (moved?: { readonly head: number }) => void = () => {}
  const query = createLiveQuery<number>(
    {
      ask: async (seen) => asked.push(seen),
      isSame: (a, b) => a === b,
      onMoved: (listener) => {
        tell = listener
        return () => {}
      },
    },
    () => {},
  )
  await query.ready
  for (const told of [
    [2, 7, 3],
    [8, undefined, 9],
  ]) {
    asked.length = 0
    for (const head of told) tell(head === undefined ? undefined : { head })
    await vi.waitUntil(() => asked.length === 2)
    expect(asked).toEqual(told.slice(0, 2).map((head) => head ?? Infinity))
  }
})
