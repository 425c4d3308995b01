import { expect, test } from 'vitest'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { Announcer } from './announcer.ts'
import { newView } from './log.fixture.ts'

const announce = () => {
  const clock = new VirtualClock()
  const said: unknown[] = []
  const view = newView()
  const announcer = new Announcer({ post: (message) => said.push(message), close: () => {} }, clock, view)
  const write = (): void => {
    view.revision += 1
    announcer.moved(view.revision - 1, {})
  }
  return { clock, said, announcer, write }
}

test('a write is told of at once, the rest of a burst together a moment later', () => {
  const { clock, said, write } = announce()
  for (let writes = 0; writes < 5; writes++) write()
  expect(said).toMatchObject([{ previous: 0, head: 1 }])
  clock.step()
  expect(said).toMatchObject([{ head: 1 }, { previous: 1, head: 5 }])
  clock.step()
  write()
  expect(said).toMatchObject([{ head: 1 }, { head: 5 }, { previous: 5, head: 6 }])
})

test('nothing stays unsaid when the log is closed, and no timer is left', () => {
  const { clock, said, announcer, write } = announce()
  write()
  write()
  announcer.close()
  expect(said).toMatchObject([
    { previous: 0, head: 1 },
    { previous: 1, head: 2 },
  ])
  expect(clock.step()).toBe(false)
})
