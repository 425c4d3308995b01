// Pages that are left. WebKit keeps the locks of a worker whose page goes to another address, while that page may come
// back; Chromium would do so for minutes where somebody waits for them.
import { expect, onTestFinished, test } from 'vitest'
import { newKey } from './notes.ts'
import { rawStore } from './raw.ts'

const waiting = { timeout: 15_000 }

/** How many lead the sync of a key's log. */
async function leaders(key: string): Promise<number> {
  const databases = await indexedDB.databases()
  if (!databases.some(({ name }) => name?.endsWith(key))) return 0
  const { rows } = await rawStore(key, 'state')
  const identity = rows.find(({ id }) => id !== undefined)?.id
  const { held = [] } = await navigator.locks.query()
  return held.filter(({ name }) => name === `tidelog/${identity}/leader`).length
}

test('a page that goes to another address lets the lead of the sync go, and seeks it when it is back', async () => {
  const key = newKey()
  const channel = new BroadcastChannel(key)
  const isElsewhere = new Promise((resolve) => {
    channel.onmessage = resolve
  })
  // Without an opener, as a tab of its own: only such a page may come back as it was.
  open(`${location.origin}/test/browser/frames/syncing.html#${key}`, '_blank', 'noopener')
  onTestFinished(() => channel.postMessage('close'))
  await expect.poll(() => leaders(key), waiting).toBe(1)
  channel.postMessage('leave')
  await isElsewhere
  await expect.poll(() => leaders(key), waiting).toBe(0)
  channel.postMessage('back')
  await expect.poll(() => leaders(key), waiting).toBe(1)
})
