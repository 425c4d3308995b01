// The worker of an app with automations. It says what it publishes, and waits for a word where the cart's name asks for it.
import { serveLog } from 'tidelog/worker'
import { market } from '../../consumers/market.ts'

const channel = new BroadcastChannel(self.name)

serveLog(
  market({
    on: 'origin',
    task: { leaseMs: 3_000 },
    publish: (cartId, { attempt, progress }) => {
      channel.postMessage(`${cartId} ${attempt}`)
      progress({ attempt })
      return cartId === 'hangs' && attempt === 1 ? new Promise(() => {}) : 'published'
    },
  }),
)
