import type { PageLife } from '../core/ports.ts'

/** What a page lives through now; where there is none, it is looked at. */
export const isPageVisible = (): boolean => typeof document === 'undefined' || !document.hidden

/**
 * Tells at once and from now on how a page lives: `suspended` when it is about to be frozen, kept in the back/forward cache or
 * left, since who holds a lock then would keep it from everybody. The answer ends it.
 */
export function watchPageLife(tell: (life: PageLife) => void): () => void {
  const awake = (): PageLife => (isPageVisible() ? 'visible' : 'hidden')
  let life = awake()
  tell(life)
  if (typeof document === 'undefined') return () => {}
  const ending = new AbortController()
  const hear = ({ type }: Event): void => {
    const before = life
    if (type === 'freeze' || type === 'pagehide') life = 'suspended'
    // A page that is left is hidden behind its `pagehide`: only one that is seen, or told so, is back.
    else if (life !== 'suspended' || type !== 'visibilitychange' || isPageVisible()) life = awake()
    if (life !== before) tell(life)
  }
  for (const name of ['freeze', 'pagehide', 'resume', 'pageshow', 'visibilitychange'])
    addEventListener(name, hear, { signal: ending.signal, capture: true })
  return () => ending.abort()
}

/** Calls back before this page is suspended, and when it is back. The answer ends it. */
export function onPageSuspended(suspended: () => void, resumed: () => void): () => void {
  let wasSuspended = false
  return watchPageLife((life) => {
    const isSuspended = life === 'suspended'
    if (isSuspended !== wasSuspended) (isSuspended ? suspended : resumed)()
    wasSuspended = isSuspended
  })
}
