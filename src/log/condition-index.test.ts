import fc from 'fast-check'
import { expect, test } from 'vitest'
import { matches, type Selectable, type Selector } from '../core/query.ts'
import { ConditionIndex } from './condition-index.ts'

const name = fc.constantFrom('a', 'b', 'c')
const names = fc.uniqueArray(name, { minLength: 1 })
const selector: fc.Arbitrary<Selector> = fc.record({ stream: name, types: names, tags: names }, { requiredKeys: [] })
const item = fc.record({ selectors: fc.array(selector, { maxLength: 3 }) })
const event: fc.Arbitrary<Selectable> = fc.record(
  { stream: name, type: name, tags: fc.uniqueArray(name) },
  { requiredKeys: ['stream', 'type'] },
)

test('whoever looks at an event is among its candidates, each once, until it is removed', () => {
  fc.assert(
    fc.property(fc.array(item), fc.array(fc.boolean()), event, (items, gone, event) => {
      const index = new ConditionIndex<(typeof items)[number]>()
      for (const one of items) index.add(one)
      const left = items.filter((one, at) => {
        if (gone[at]) index.remove(one)
        return !gone[at]
      })
      const found = index.candidates(event)
      expect(new Set(found).size).toBe(found.length)
      for (const one of found) expect(left).toContain(one)
      for (const one of left) if (matches(one.selectors, event)) expect(found).toContain(one)
    }),
  )
})

test('those that look elsewhere are not looked at', () => {
  const index = new ConditionIndex<{ readonly selectors: readonly Selector[] }>()
  for (let nth = 0; nth < 1_000; nth++) {
    index.add({ selectors: [{ stream: `s${nth}` }] })
    index.add({ selectors: [{ types: ['T'], tags: [`on:${nth}`] }] })
    index.add({ selectors: [{ types: [`T${nth}`] }] })
  }
  expect(index.candidates({ stream: 's7', type: 'T8', tags: ['on:9'] })).toHaveLength(3)
})
