import { syncProgress } from 'tidelog/transfer'
import { keepOfflineWish } from '../offline-wish.ts'
import type { ShopLog } from '../shop.ts'
import { errorToWords, isFarBehind, type SyncWords, syncToWords } from '../sync-words.ts'
import { mustFind, setPicture, setText } from './dom.ts'
import type { Notices } from './notices.ts'
import { showShare } from './progress-bar.ts'

const tickMs = 1_000
const settleMs = 800
const pictureOf = { calm: 'anchor', busy: 'waves', waiting: 'buoy', paused: 'moon', trouble: 'buoy' } as const

/** How far the server knows this log, and the switch to go without it. */
export function mountSyncPane(log: ShopLog, notices: Notices): void {
  const { sync } = log
  const root = mustFind('[data-testid=sync-state]')
  const toggle = mustFind('[data-testid=offline-switch]')
  const retry = mustFind('[data-testid=sync-now]')
  const bar = mustFind('#sync-progress', root)
  const progress = syncProgress(log)
  const announce = announcer(notices)
  const wish = keepOfflineWish(log)
  let ticking: ReturnType<typeof setInterval> | undefined

  const show = (): void => {
    const status = sync.get()
    const far = progress.get()
    const words = syncToWords(status, Date.now(), far)
    root.dataset.state = status.state
    root.dataset.pending = String(status.pending)
    root.dataset.synced = String(status.synced)
    root.dataset.mood = words.mood
    setText(mustFind('#sync-title', root), words.title)
    setText(mustFind('#sync-detail', root), words.detail)
    bar.hidden = !isFarBehind(status)
    if (!bar.hidden) showShare(bar, far)
    const problem = mustFind('#sync-error', root)
    const isHeldUp = status.state === 'waiting' || status.state === 'blocked'
    setText(problem, isHeldUp ? (errorToWords(status) ?? '') : '')
    problem.hidden = problem.textContent === ''
    setPicture(root, pictureOf[words.mood])
    toggle.setAttribute('aria-checked', String(wish.holds()))
    retry.hidden = status.state !== 'waiting'
    announce(words)
    // Only a wait counts down.
    if (status.state !== 'waiting') clearInterval(ticking)
    else if (ticking === undefined) ticking = setInterval(show, tickMs)
    if (status.state !== 'waiting') ticking = undefined
  }
  toggle.addEventListener('click', wish.toggle)
  retry.addEventListener('click', () => {
    // The button goes when the try begins; the switch next to it is a good place to be.
    toggle.focus()
    sync.now()
  })
  sync.subscribe(show)
  show()
}

/** Says a state that lasts, and says it once: a try a second would drown everything else. */
function announcer(notices: Notices): (words: SyncWords) => void {
  let said = ''
  let next = ''
  let timer: ReturnType<typeof setTimeout> | undefined
  return ({ title }) => {
    if (title === next) return
    next = title
    clearTimeout(timer)
    timer = setTimeout(() => {
      if (next === said) return
      // The first state after opening is no news.
      if (said !== '') notices.whisper(`Sync: ${next}`)
      said = next
    }, settleMs)
  }
}
