import { type TaskState, tasksOf } from 'tidelog/automation'
import { publishSteps } from '../outside/publisher.ts'
import { orderOf, orderToWords, statusToWords, triesToWords } from '../outside/words.ts'
import type { ShopLog } from '../shop.ts'
import { count } from '../words.ts'
import { h, hiddenText, mustFind, setText } from './dom.ts'
import { keepFocus } from './focus.ts'
import type { Notices } from './notices.ts'
import { showShare } from './progress-bar.ts'
import { type Row, showRows } from './rows.ts'

const tickMs = 500

/** The tasks of this device, whichever tab runs them. */
export function mountWorkQueue(log: ShopLog, notices: Notices): void {
  const root = mustFind('#queue')
  const tasks = tasksOf(log)
  const guard = (run: () => Promise<unknown>): void => {
    run().catch((error: unknown) => notices.refuse(error instanceof Error ? error.message : String(error)))
  }
  const rows = taskRows({
    cancel: ({ id }) =>
      guard(async () => {
        if (!(await tasks.cancel(id))) notices.refuse('It has ended already.')
      }),
    retry: ({ id }) => guard(() => tasks.retry(id)),
    discard: ({ id }) => guard(() => tasks.discard(id)),
  })
  let ticking: ReturnType<typeof setTimeout> | undefined
  const show = (): void => {
    const list = mustFind('#tasks', root)
    const all = tasks.get()
    keepFocus(root, () => showRows(list, all, rows), '#queue-title')
    mustFind('#queue-empty', root).hidden = all.length > 0
    mustFind('[data-testid=queue-forget]', root).hidden = !all.some(isEnded)
    setText(mustFind('#queue-count', root), all.length > 0 ? count(all.filter(isOpen).length, 'open task') : '')
    clearTimeout(ticking)
    // Only a wait counts down.
    if (all.some(({ status }) => status === 'waiting')) ticking = setTimeout(show, tickMs)
  }
  mustFind('[data-testid=queue-forget]', root).addEventListener('click', () => guard(() => tasks.discard()))
  tasks.subscribe(show)
  show()
}

const isOpen = ({ status }: TaskState): boolean => status === 'waiting' || status === 'running'
const isEnded = (task: TaskState): boolean => !isOpen(task)

/** Which buttons a task has, and what they say. */
const deeds = [
  { name: 'cancel', words: 'Cancel', fits: isOpen },
  { name: 'retry', words: 'Try again', fits: ({ status }: TaskState) => status === 'failed' || status === 'cancelled' },
  { name: 'discard', words: 'Forget', fits: isEnded },
] as const
type DeedName = (typeof deeds)[number]['name']

const taskRows = (on: Readonly<Record<DeedName, (task: TaskState) => void>>): Row<TaskState> => {
  /** What each row shows now: a button outlives the state that it was made in. */
  const shown = new WeakMap<HTMLElement, TaskState>()
  return {
    key: ({ id }) => id,
    create: (task) => {
      const words = orderToWords(orderOf(task))
      const buttons = deeds.map(({ name, words: say }) =>
        h(
          'button',
          {
            type: 'button',
            class: 'button button-quiet',
            'data-testid': `task-${name}`,
            click: () => {
              const now = shown.get(row)
              if (now) on[name](now)
            },
          },
          say,
          hiddenText(`: ${words}`),
        ),
      )
      const row = h(
        'li',
        { class: 'task', 'data-testid': 'task', 'data-cart': orderOf(task).cartId },
        h('p', { class: 'task-name' }, words),
        h('p', { class: 'task-status' }),
        h('progress', { class: 'bar', 'aria-label': `Progress of ${words}` }),
        h('p', { class: 'task-tries' }),
        h('p', { class: 'task-message', hidden: true }),
        h('div', { class: 'task-buttons' }, ...buttons),
      )
      return row
    },
    update: (row, task) => {
      shown.set(row, task)
      showTask(row, task)
    },
  }
}

function showTask(row: HTMLElement, task: TaskState): void {
  const { status, attempts, message, progress } = task
  row.dataset.status = status
  row.dataset.attempts = String(attempts)
  setText(mustFind('.task-status', row), statusToWords[status])
  setText(mustFind('.task-tries', row), triesToWords(task, Date.now()))
  const done = status === 'done' ? publishSteps : typeof progress === 'number' ? progress : 0
  showShare(mustFind('progress', row), { done, total: publishSteps })
  const why = mustFind('.task-message', row)
  // While it is tried again, the last try is no news.
  why.hidden = message === undefined || status === 'done' || status === 'running'
  setText(why, message ?? '')
  for (const { name, fits } of deeds) mustFind(`[data-testid=task-${name}]`, row).hidden = !fits(task)
}
