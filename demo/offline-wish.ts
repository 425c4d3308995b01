import type { ShopLog } from './shop.ts'

const place = 'tidelog-demo-offline'

const read = (): boolean => {
  try {
    return localStorage.getItem(place) === 'yes'
  } catch {
    return false
  }
}

const write = (offline: boolean): void => {
  try {
    if (offline) localStorage.setItem(place, 'yes')
    else localStorage.removeItem(place)
  } catch {
    // A window without storage forgets the wish when it closes.
  }
}

/** The visitor's wish to be offline. The log pauses until it is closed; the wish holds until it is taken back. */
export interface OfflineWish {
  readonly holds: () => boolean
  readonly toggle: () => void
}

export function keepOfflineWish({ sync }: ShopLog): OfflineWish {
  // Until the log has answered, the wish is the best that is known.
  const holds = (): boolean => {
    const { state } = sync.get()
    return state === 'starting' ? read() : state === 'paused'
  }
  if (read()) sync.pause()
  return {
    holds,
    toggle: () => {
      const offline = !holds()
      write(offline)
      if (offline) sync.pause()
      else sync.resume()
    },
  }
}
