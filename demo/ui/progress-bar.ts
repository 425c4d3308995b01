import type { Progress } from 'tidelog/transfer'

/** Moves a bar. Without a total it says only that something is going on. */
export function showShare(bar: HTMLElement, { done, total }: Pick<Progress, 'done' | 'total'>): void {
  if (total === undefined) {
    bar.removeAttribute('value')
    return
  }
  bar.setAttribute('max', String(Math.max(1, total)))
  bar.setAttribute('value', String(done))
}
