import { TidelogError } from '../../core/errors.ts'
import { newRandomId } from '../../platform/ids.ts'
import type { Faults } from './inject.ts'
import { controlPrefix } from './notices.ts'
import type { Undo } from './patch.ts'

type Remote<F> = {
  readonly [K in keyof F]: F[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<R extends Undo ? () => Promise<void> : R>
    : Remote<F[K]>
}
/** {@link Faults} of another realm: everything answers with a promise. `close` lets go of them, in force or not. */
export type RemoteFaults = Remote<Faults> & { readonly close: Undo }

type Wish = { readonly path: readonly string[]; readonly args: readonly unknown[] } | { readonly undo: string }
type Asked = Wish & { readonly id: string }
interface Answered {
  readonly answerTo: string
  readonly value?: unknown
  readonly isUndo?: boolean
  readonly error?: string
}
type Message = Asked | Answered

/** The worker may still be loading: it is asked again this often, and for so long. */
const askAgainMs = 100
const answerMs = 10_000

/** Lets a test control the faults of this worker with `controlFaults`. The name is that of the worker by default. */
export function serveFaults(faults: Faults, name: string = self.name): Undo {
  const channel = new BroadcastChannel(controlPrefix + name)
  const undos = new Map<string, Undo>()
  const answers = new Map<string, Answered>()
  const obey = (asked: Asked): Answered => {
    const answerTo = asked.id
    try {
      if ('undo' in asked) {
        undos.get(asked.undo)?.()
        return { answerTo }
      }
      const value = callAt(faults, asked.path, asked.args)
      if (typeof value !== 'function') return { answerTo, value }
      undos.set(answerTo, value as Undo)
      return { answerTo, isUndo: true }
    } catch (error) {
      return { answerTo, error: String(error) }
    }
  }
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if ('answerTo' in data) return
    const answer = answers.get(data.id) ?? obey(data)
    answers.set(data.id, answer)
    channel.postMessage(answer)
  }
  return () => channel.close()
}

function callAt(faults: Faults, path: readonly string[], args: readonly unknown[]): unknown {
  const owner = path.slice(0, -1).reduce<object>((at, name) => Reflect.get(at, name), faults)
  return Reflect.apply(Reflect.get(owner, path.at(-1) ?? ''), owner, args)
}

/** Controls from a page what a worker of this name serves with `serveFaults`. */
export function controlFaults(name: string): RemoteFaults {
  const channel = new BroadcastChannel(controlPrefix + name)
  const waiting = new Map<string, (answered: Answered) => void>()
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if ('answerTo' in data) waiting.get(data.answerTo)?.(data)
  }
  const ask = async (wish: Wish): Promise<unknown> => {
    const id = newRandomId()
    let stop = (): void => {}
    const answered = new Promise<Answered>((resolve, reject) => {
      waiting.set(id, resolve)
      const say = (): void => channel.postMessage({ ...wish, id })
      const again = setInterval(say, askAgainMs)
      const late = new TidelogError('tidelog/timeout', `no faults are served as ${name}`)
      const timer = setTimeout(reject, answerMs, late)
      stop = () => {
        clearInterval(again)
        clearTimeout(timer)
        waiting.delete(id)
      }
      say()
    })
    const { error, isUndo, value } = await answered.finally(stop)
    if (error !== undefined) throw new TidelogError('tidelog/argument', error)
    return isUndo === true ? () => ask({ undo: id }).then(() => {}) : value
  }
  const over = (path: readonly string[]): unknown =>
    new Proxy(() => {}, {
      get: (_, part) => (typeof part === 'string' && part !== 'then' ? over([...path, part]) : undefined),
      apply: (_, __, args) => ask({ path, args }),
    })
  const { storage, notices, clock, restore } = over([]) as Remote<Faults>
  return { storage, notices, clock, restore, close: () => channel.close() }
}
