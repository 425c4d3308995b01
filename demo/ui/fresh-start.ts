import { adopt } from 'tidelog/replica'
import type { ShopLog } from '../shop.ts'
import { mustFind } from './dom.ts'
import type { Notices } from './notices.ts'

/** Where the server has another log than this device has seen, only a person can say how to go on. */
export function mountFreshStart(log: ShopLog, notices: Notices): void {
  const button = mustFind('[data-testid=adopt]')
  const show = (): void => {
    const { state } = log.sync.get()
    button.hidden = state !== 'diverged' && state !== 'needs-attach'
  }
  button.addEventListener('click', async () => {
    try {
      await adopt(log, { bring: 'missing' })
      location.reload()
    } catch (error) {
      notices.refuse(error instanceof Error ? error.message : String(error))
    }
  })
  log.sync.subscribe(show)
  show()
}
