import type { LogStore } from '../store.ts'
import { isStoreError } from '../store-error.ts'

/** Whether requests should come here. */
export interface Readiness {
  /** Why not; `undefined` when they should. */
  readonly check: () => Promise<string | undefined>
  /** From now on it is not ready, for this reason. */
  readonly end: (reason: string) => void
}
export interface ReadinessOptions {
  readonly store: LogStore
  /** A store that takes longer to answer is as good as none. */
  readonly answerMsMax: number
  readonly onChange: (isReady: boolean) => void
}

/** A read that any store can do; whether there is such a log is of no interest. */
export const probe = async (store: LogStore): Promise<void> => {
  await store.head('readiness')
}

export function createReadiness({ store, answerMsMax, onChange }: ReadinessOptions): Readiness {
  let ended: string | undefined
  let asking: Promise<string | undefined> | undefined
  /** One question at a time: a store that does not answer would be asked ever more often. */
  const ask = (): Promise<string | undefined> => {
    asking ??= probe(store)
      .then(
        () => undefined,
        (error: unknown) => `The store can not be used: ${isStoreError(error) ? error.code : 'error'}`,
      )
      .finally(() => {
        asking = undefined
      })
    return asking
  }
  const check = async (): Promise<string | undefined> => {
    if (ended !== undefined) return ended
    let callOff = (): void => {}
    const silence = new Promise<string>((resolve) => {
      const timer = setTimeout(() => resolve(`The store has not answered for ${answerMsMax} ms`), answerMsMax)
      callOff = () => clearTimeout(timer)
    })
    const reason = await Promise.race([ask(), silence]).finally(callOff)
    // It may have been told to end meanwhile.
    const final = ended ?? reason
    onChange(final === undefined)
    return final
  }
  return {
    check,
    end: (reason) => {
      ended = reason
      onChange(false)
    },
  }
}
