import type { Observable } from 'tidelog'
import type { Progress } from 'tidelog/transfer'

/** A long piece of work, and what comes of it. */
export interface Work<T> {
  readonly progress: Observable<Progress>
  /** How much of it is done, from 0 to 1, where events don't tell. */
  readonly share?: () => number
  readonly finished: Promise<T>
}
/** What a visitor can ask for: work that ends early when the signal says so, and the words for its end. */
export interface Task<T> {
  readonly title: string
  readonly start: (signal: AbortSignal) => Work<T>
  readonly toWords: (result: T, ms: number) => string | Promise<string>
}
