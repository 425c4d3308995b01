import { useMemo } from 'react'
import type { Log, View } from '../client/types.ts'
import type { EventMap } from '../core/event.ts'
import type { Observable } from '../core/observable.ts'
import type { Projection } from '../core/projection.ts'
import { useObservable } from './use-observable.ts'

/**
 * The state of a projection, kept up to date; its `initial` until the log was read, and on a server. What stops the view
 * is thrown to the error boundary.
 */
export function useView<M extends EventMap, S, P>(
  log: Pick<Log<M>, 'view'>,
  projection: Projection<M, S, P>,
  ...params: P extends void ? [] : [params: P]
): S {
  // Equal parameters are another object in every render: the scope that they make is what they mean.
  const scope = JSON.stringify(projection.scope?.(params[0] as P))
  // biome-ignore lint/correctness/useExhaustiveDependencies: the scope stands for the parameters
  const state = useMemo((): Observable<S> => {
    let view: View<S> | undefined
    // Not before it is asked for: a server never asks. Kept, since the log gives a new view for one that has stopped.
    const open = (): View<S> => {
      view ??= log.view(projection, ...params)
      return view
    }
    return {
      subscribe: (onChange) => open().subscribe(onChange),
      get: () => {
        const error = open().error()
        if (error !== undefined) throw error
        return open().get()
      },
    }
  }, [log, projection, scope])
  return useObservable(state, projection.initial)
}
