import { afterEach, beforeEach, expect, test } from 'vitest'
import { setMood } from './mood.ts'
import { playPublisher, publishOutside, publishSteps } from './publisher.ts'

const order = { cartId: 'c', total: 900, things: 1 }
let stop = (): void => {}
beforeEach(() => {
  stop = playPublisher()
})
afterEach(() => {
  stop()
  setMood('open')
})

const publish = (signal = new AbortController().signal, progress: (value: unknown) => void = () => {}) =>
  publishOutside(order, { key: 'k', signal, progress })

test('an open harbour office takes an order, step by step', async () => {
  const steps: unknown[] = []
  await publish(undefined, (step) => steps.push(step))
  expect(steps).toEqual(Array.from({ length: publishSteps }, (_, at) => at + 1))
})
test('a closed one takes nothing, and says so', async () => {
  setMood('closed')
  await expect(publish()).rejects.toThrow('The harbour office is closed.')
})
test('what is cancelled is called off at once, before a slow office answers', async () => {
  setMood('slow')
  const off = new AbortController()
  const publishing = publish(off.signal)
  off.abort()
  await expect(publishing).rejects.toThrow('Called off.')
  await expect(publish(AbortSignal.abort())).rejects.toThrow('Called off.')
})
