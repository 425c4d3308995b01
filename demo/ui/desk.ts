import { failureToWords } from '../book/words.ts'
import type { Task, Work } from '../book/work.ts'
import { progressToWords } from '../progress-words.ts'
import { mustFind, setText } from './dom.ts'
import type { Notices } from './notices.ts'
import { showShare } from './progress-bar.ts'

/** Where one task at a time is done, in sight of the visitor. */
export interface Desk {
  readonly run: <T>(task: Task<T>) => Promise<void>
}

/** `onEnd` runs after each task, before the buttons are there again. */
export function createDesk(root: HTMLElement, notices: Notices, onEnd: () => Promise<void>): Desk {
  const [buttons, job] = [mustFind('#book-buttons', root), mustFind('#book-job', root)]
  const [bar, result] = [mustFind('#book-bar', job), mustFind('#book-result', root)]
  const stop = mustFind('[data-testid=book-stop]', job)
  let stopping = new AbortController()
  stop.addEventListener('click', () => stopping.abort())

  /** The focus goes along with what it was on. */
  const swap = (isBusy: boolean): void => {
    const had = (isBusy ? buttons : job).contains(document.activeElement)
    buttons.hidden = isBusy
    job.hidden = !isBusy
    if (had) (isBusy ? stop : buttons.querySelector<HTMLElement>('button:enabled'))?.focus()
  }
  const show = ({ progress, share }: Work<unknown>): void => {
    const far = progress.get()
    showShare(bar, share === undefined ? far : { done: share(), total: 1 })
    job.dataset.done = String(far.done)
    setText(mustFind('#book-far', job), progressToWords(far))
  }
  return {
    run: async ({ title, start, toWords }) => {
      stopping = new AbortController()
      setText(mustFind('#book-task', job), title)
      setText(result, '')
      swap(true)
      const begin = performance.now()
      const work = start(stopping.signal)
      const unsubscribe = work.progress.subscribe(() => show(work))
      show(work)
      let words = ''
      try {
        const done = await work.finished
        words = await toWords(done, performance.now() - begin)
      } catch (error) {
        if (stopping.signal.aborted) words = failureToWords(error)
        else notices.refuse(failureToWords(error))
      }
      unsubscribe()
      await onEnd().catch(() => {})
      swap(false)
      setText(result, words)
    },
  }
}
