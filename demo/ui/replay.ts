import type { OpenReadModel } from 'tidelog/read-model'
import { count, toNumber } from '../words.ts'
import { mustFind, setText } from './dom.ts'
import type { Notices } from './notices.ts'
import { showShare } from './progress-bar.ts'

/** Rows that are compared at once, so that no task is felt. */
const pageRows = 200

/** Builds the rows of a read model anew from the log, in sight; the old ones stay until the new ones are there. */
export function mountReplay(root: HTMLElement, model: OpenReadModel<unknown>, notices: Notices): void {
  const replay = mustFind('.replay', root)
  const button = mustFind('button', replay)
  const [bar, words] = [mustFind('progress', replay), mustFind('.replay-words', replay)]
  let isAsked = false
  let hasBegun = false
  let result = 'Up to date with the log.'

  const show = (): void => {
    const { state, progress, position, head, problem } = model.status.get()
    const isBuilding = isAsked || state === 'building'
    if (state === 'building') hasBegun = true
    // Until the replay has begun, the status is that of the old rows.
    const far = isAsked && !hasBegun ? { progress: 0, position: 0 } : { progress, position }
    root.dataset.state = state
    bar.hidden = !isBuilding
    showShare(bar, { done: far.progress, total: 1 })
    const meanwhile = isAsked ? ' The old rows stay meanwhile.' : ''
    if (isBuilding) setText(words, `Reading the log: ${toNumber(far.position)} of ${count(head, 'event')}.${meanwhile}`)
    else if (state === 'parked') setText(words, `Stopped at an event that it can’t take: ${problem?.message ?? ''}`)
    else setText(words, result)
  }
  const run = async (): Promise<void> => {
    isAsked = true
    hasBegun = false
    button.setAttribute('aria-disabled', 'true')
    show()
    let before = ''
    let begin = 0
    try {
      before = await textOf(model)
      begin = performance.now()
      await model.reset()
    } finally {
      isAsked = false
      button.removeAttribute('aria-disabled')
      show()
    }
    const seconds = ((performance.now() - begin) / 1_000).toFixed(2)
    const same = (await textOf(model)) === before ? ' The rows are the same.' : ' The rows have changed meanwhile.'
    result = `${count(model.status.get().head, 'event')} in ${seconds} s.${same}`
    show()
    notices.whisper(result)
  }
  button.addEventListener('click', () => {
    // Not disabled, which would drop the focus.
    if (isAsked) return
    run().catch((error: unknown) => notices.refuse(error instanceof Error ? error.message : String(error)))
  })
  model.status.subscribe(show)
  show()
}

/** All rows as text, to be compared. */
async function textOf(model: OpenReadModel<unknown>): Promise<string> {
  const pages: string[] = []
  for (let after: string | undefined; ; ) {
    const { rows, next } = await model.find({ limit: pageRows, after })
    pages.push(JSON.stringify(rows))
    if (next === undefined) return pages.join()
    after = next
  }
}
