/** Hears when the program is to end. */
export interface Stopping {
  readonly asked: Promise<void>
  readonly signal: AbortSignal
  /** What it was asked by. */
  readonly by: () => NodeJS.Signals | undefined
}

const signals = ['SIGTERM', 'SIGINT'] as const

/** The first signal asks; a second one finds nobody who listens, and ends the process. */
export function onStopSignals(): Stopping {
  const abort = new AbortController()
  let by: NodeJS.Signals | undefined
  const asked = new Promise<void>((resolve) => {
    const stop = (signal: NodeJS.Signals): void => {
      by = signal
      for (const one of signals) process.removeListener(one, stop)
      abort.abort()
      resolve()
    }
    for (const one of signals) process.on(one, stop)
  })
  return { asked, signal: abort.signal, by: () => by }
}
