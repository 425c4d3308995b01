/**
 * Calls back before this page is frozen, kept in the back/forward cache or left, and when it is back: who holds a lock then
 * would keep it from everybody. The answer ends it.
 */
export function onPageSuspended(suspended: () => void, resumed: () => void): () => void {
  if (typeof document === 'undefined') return () => {}
  const ending = new AbortController()
  const { signal } = ending
  for (const name of ['freeze', 'pagehide']) addEventListener(name, suspended, { signal, capture: true })
  for (const name of ['resume', 'pageshow']) addEventListener(name, resumed, { signal, capture: true })
  return () => ending.abort()
}
