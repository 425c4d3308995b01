import { createListeners } from '../src/core/observable.ts'
import type { PageLife } from '../src/core/ports.ts'

/** How the page of a worker lives. The page says it: a worker is told nothing of what becomes of it. */
export interface PageWatch {
  readonly isVisible: () => boolean
  /** Calls back before the page is frozen or left, and when it is back. The answer ends it. */
  readonly onSuspended: (suspended: () => void, resumed: () => void) => () => void
  readonly set: (life: PageLife) => void
}

export function watchPage(): PageWatch {
  const suspensions = createListeners<[isSuspended: boolean]>()
  let life: PageLife = 'visible'
  return {
    isVisible: () => life === 'visible',
    onSuspended: (suspended, resumed) => suspensions.add((isSuspended) => (isSuspended ? suspended : resumed)()),
    set: (now) => {
      const isChange = (now === 'suspended') !== (life === 'suspended')
      life = now
      if (isChange) suspensions.tell(now === 'suspended')
    },
  }
}
