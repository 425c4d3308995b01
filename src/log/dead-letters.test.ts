import { describe, expect, test } from 'vitest'
import { takePage } from './confirm.ts'
import { discardDeadLetter, listDeadLetters, settledAs } from './dead-letters.ts'
import { deciders, executeOf } from './deciders.fixture.ts'
import { callOf, commitOf, createBrowser, openTab, Sequence, versioned } from './log.fixture.ts'
import { rebase, takeRejected, withdraw } from './rebase.ts'

const problem = { type: 'p', title: 'No' }
async function withLetters() {
  const browser = createBrowser()
  const tab = await openTab(browser, { deciders })
  await tab.append(versioned('b', 's1', 0), versioned('a', 's2', 1), callOf('c', ['t1']))
  return { browser, tab }
}

describe('dead letters', () => {
  test('are listed oldest first, or one by its id, also after the log is opened again', async () => {
    const { browser, tab } = await withLetters()
    await takeRejected(tab.engine, [{ id: 'c', contentId: 'c/1', problem }])
    browser.clock.after(1_000, () => {})
    browser.clock.step()
    await takePage(tab.engine, new Sequence().add(commitOf('x', ['s9'])))
    await rebase(tab.engine)
    const again = await openTab(browser)
    for (const { engine } of [tab, again]) {
      const letters = await listDeadLetters(engine)
      expect(letters.map(({ id, reason }) => [id, reason.type])).toEqual([
        ['c', 'Rejected'],
        ['a', 'Conflict'],
        ['b', 'Conflict'],
      ])
      expect(await listDeadLetters(engine, 'a')).toEqual(letters.slice(1, 2))
      expect(await listDeadLetters(engine, 'x')).toEqual([])
      expect([...engine.view.dead].sort()).toEqual(['a', 'b', 'c'])
    }
  })

  test('of an id that begins like another are not mixed up', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['s1']), callOf('ab', ['s1']))
    const rejected = ['a', 'ab'].map((id) => ({ id, contentId: `${id}/1`, problem }))
    await takeRejected(tab.engine, rejected)
    expect((await listDeadLetters(tab.engine, 'a')).map(({ id }) => id)).toEqual(['a'])
    expect([await discardDeadLetter(tab.engine, 'a'), await discardDeadLetter(tab.engine, 'a')]).toEqual([true, false])
    expect((await listDeadLetters(tab.engine)).map(({ id }) => id)).toEqual(['ab'])
  })

  test('go when their commit is tried again, in the write that brings it', async () => {
    const tab = await openTab(createBrowser(), { deciders })
    await tab.append(executeOf('a', { kind: 'sees', on: 's' }))
    await takeRejected(tab.engine, [{ id: 'a', contentId: 'a/1', problem }])
    expect(await tab.appender.retry('a')).toMatchObject({ ok: true, versions: [1] })
    expect([await listDeadLetters(tab.engine), tab.engine.view.dead.size]).toEqual([[], 0])
    expect(tab.engine.view.pending.get('a')?.commit).toMatchObject({ attempt: 2, command: { name: 'sees' } })
    expect(tab.engine.view.pending.get('a')?.commit.contentId).not.toBe('a/1')
  })
})

describe('how a commit left the queue without a letter', () => {
  test('is remembered: withdrawn, or with nothing left to do, also after the log is opened again', async () => {
    const browser = createBrowser()
    const tab = await openTab(browser, { deciders })
    await tab.append(callOf('a', ['t1']), executeOf('b', { kind: 'first', on: 's' }))
    await withdraw(tab.engine, 'a')
    await takePage(tab.engine, new Sequence().add(commitOf('x', ['s9'])))
    await rebase(tab.engine)
    for (const { engine } of [tab, await openTab(browser)]) {
      expect([await settledAs(engine, 'a'), await settledAs(engine, 'b')]).toEqual(['withdrawn', 'nothing-to-do'])
      expect(await settledAs(engine, 'x')).toBeUndefined()
      expect([...engine.view.settled].sort()).toEqual(['a', 'b'])
    }
  })

  test('is forgotten when the id is used again', async () => {
    const tab = await openTab(createBrowser())
    await tab.append(callOf('a', ['t1']))
    await withdraw(tab.engine, 'a')
    await tab.append(callOf('a', ['t2']))
    expect([await settledAs(tab.engine, 'a'), tab.engine.view.settled.size]).toEqual([undefined, 0])
  })
})
