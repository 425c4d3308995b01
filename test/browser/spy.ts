// The page's half of `workers/spied.ts`.
import { type NotesLog, openNotes, type TabOptions } from './notes.ts'

export type Order =
  | {
      readonly kind: 'block'
      /** Mode and stores of the transaction after which the worker blocks. */
      readonly what: string
      readonly ms: number
      readonly withoutCommit?: boolean
    }
  | { readonly kind: 'deaf'; readonly isDeaf: boolean }
export type Said =
  | { readonly kind: 'obeyed' }
  | { readonly kind: 'transaction'; readonly what: string; readonly durability: string }
  | { readonly kind: 'lock'; readonly what: string }
  | { readonly kind: 'blocked'; readonly until: number }

export const append = 'readwrite writes'
export const catchUp = 'readonly log writes'
export const readPage = 'readonly writes'
export const putSnapshot = 'readwrite state'
export const getSnapshot = 'readonly state'

/** A tab whose worker is watched. */
export class SpiedTab {
  readonly log: NotesLog
  readonly said: Said[] = []
  readonly #channel: BroadcastChannel
  readonly #waiting: { readonly kind: Said['kind']; readonly resolve: (said: Said) => void }[] = []

  constructor(key: string, options: Omit<TabOptions, 'worker'> = {}) {
    const name = `spy/${crypto.randomUUID()}`
    this.#channel = new BroadcastChannel(name)
    this.#channel.onmessage = ({ data }: MessageEvent<Said>) => {
      this.said.push(data)
      const at = this.#waiting.findIndex(({ kind }) => kind === data.kind)
      if (at >= 0) this.#waiting.splice(at, 1)[0]?.resolve(data)
    }
    const worker = () => new Worker(new URL('./workers/spied.ts', import.meta.url), { type: 'module', name })
    this.log = openNotes(key, { ...options, worker })
  }

  /** Has the worker do something; resolves when it knows. */
  async order(order: Order): Promise<void> {
    const obeyed = this.next('obeyed')
    this.#channel.postMessage(order)
    await obeyed
  }

  next<K extends Said['kind']>(kind: K): Promise<Extract<Said, { kind: K }>> {
    return new Promise((resolve) => {
      this.#waiting.push({ kind, resolve: (said) => resolve(said as Extract<Said, { kind: K }>) })
    })
  }

  /** What the worker has asked for since it was last asked this. What it said before now has been heard. */
  async since(kind: 'transaction' | 'lock'): Promise<readonly string[]> {
    await this.order({ kind: 'deaf', isDeaf: false })
    return this.said.splice(0).flatMap((said) => (said.kind === kind ? [said.what] : []))
  }
}
