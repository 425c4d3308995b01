import { expect, test } from 'vitest'
import { callOf } from '../log/log.fixture.ts'
import { openTabs } from './controller.fixture.ts'

/** The first tab leads, and does not hear that the lead was taken from it until it is told. */
async function leadTwice() {
  let tellLoss = (): void => {}
  const lost = new Promise<never>((_, reject) => {
    tellLoss = () => reject(new Error('stolen'))
  })
  lost.catch(() => {})
  const started = await openTabs(2, (nth, locks) =>
    nth > 0 ? locks : { request: async (_name, _options, run) => Promise.race([run().then(() => true), lost]) },
  )
  await started.start()
  return { ...started, tellLoss }
}

test('a leader that does not know yet that another leads does not speak for it', async () => {
  const { server, tabs, controllers, led, settled, pass, tellLoss } = await leadTwice()
  const states = () => controllers.map(({ heard }) => heard?.state)
  expect([led, states()]).toEqual([
    [0, 1],
    ['live', 'live'],
  ])
  server.pulls.push(() => {
    throw new Error('offline')
  })
  await tabs[0]?.append(callOf('a', ['s1']))
  controllers[0]?.moved()
  await settled()
  expect(states()).toEqual(['waiting', 'live'])
  tellLoss()
  await settled()
  expect(states()).toEqual(['live', 'live'])
  await Promise.all([...controllers.map((controller) => controller.stop()), pass(5_000)])
})
