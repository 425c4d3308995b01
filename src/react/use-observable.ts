import { useSyncExternalStore } from 'react'
import type { Observable } from '../core/observable.ts'

/** A server has no log, and asks for none. */
const absent = {} as Observable<never>

/** The value of an observable; `onServer` is what a server shows for it, and the page until it took over. */
export const useObservable = <T>({ subscribe, get }: Observable<T> | undefined = absent, onServer: T): T =>
  useSyncExternalStore(subscribe, get, () => onServer)
