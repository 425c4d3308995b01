import { h } from './dom.ts'

/** Offers what the page has made as a file. */
export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content)
  h('a', { href: url, download: name }).click()
  URL.revokeObjectURL(url)
}
