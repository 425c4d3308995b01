import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Defect {
  readonly name: string
  readonly edits: readonly { readonly file: string; readonly find: string }[]
}
// Plain JavaScript, for Node to run as it is.
const mutants: object = await import(new URL('./sim/mutants.js', import.meta.url).href)
const defects = Object.values(mutants).flatMap((list): readonly Defect[] =>
  Array.isArray(list) ? list.filter((one) => Array.isArray(one?.edits)) : [],
)

test('there are defects to plant', () => expect(defects.length).toBeGreaterThan(50))

test.each(defects)('the defect “$name” finds its place in the code, once', ({ edits }) => {
  for (const { file, find } of edits) expect(readFileSync(file, 'utf8').split(find), file).toHaveLength(2)
})
