import { expect, test } from 'vitest'
import { createGate } from './edge-gate.ts'
import { RequestProblem } from './problems.ts'

/** Work that ends when it is told to. */
function works() {
  const begun: string[] = []
  const ends = new Map<string, (error?: Error) => void>()
  const work = (name: string) => () =>
    new Promise<string>((resolve, reject) => {
      begun.push(name)
      ends.set(name, (error) => (error === undefined ? resolve(name) : reject(error)))
    })
  return { begun, work, end: (name: string, error?: Error) => ends.get(name)?.(error) }
}

test('lets in so many at once, and the others in the order in which they came', async () => {
  const gate = createGate(2, 10)
  const { begun, work, end } = works()
  const told = [...'abcde'].map((name) => gate(work(name)))
  expect(begun).toEqual(['a', 'b'])
  end('b')
  expect(await told[1]).toBe('b')
  await expect.poll(() => begun).toEqual(['a', 'b', 'c'])
  // The place was handed over: whoever comes now is not let in beside.
  told.push(gate(work('f')))
  expect(begun).toEqual(['a', 'b', 'c'])
  for (const name of 'acdef') {
    await expect.poll(() => begun).toContain(name)
    end(name)
  }
  expect(await Promise.all(told)).toEqual([...'abcdef'])
  expect(begun).toEqual([...'abcdef'])
  const later = gate(work('g'))
  expect(begun).toContain('g')
  end('g')
  await later
})
test('refuses those who would wait behind too many, and only them', async () => {
  const gate = createGate(1, 1)
  const { work, end } = works()
  const told = [gate(work('a')), gate(work('b'))]
  await expect(gate(work('c'))).rejects.toThrow(RequestProblem)
  end('a')
  await told[0]
  await expect.poll(() => end('b')).toBeUndefined()
  expect(await told[1]).toBe('b')
})
test('goes on behind work that fails', async () => {
  const gate = createGate(1, 10)
  const { begun, work, end } = works()
  const [failing, next] = [gate(work('a')), gate(work('b'))]
  end('a', new Error('no'))
  await expect(failing).rejects.toThrow('no')
  await expect.poll(() => begun).toEqual(['a', 'b'])
  end('b')
  expect(await next).toBe('b')
})
