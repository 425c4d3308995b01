import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A new folder outside the checkout, and what removes it. */
export function makeFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'tidelog-e2e-'))
  // A browser that has just ended may still be writing.
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}
