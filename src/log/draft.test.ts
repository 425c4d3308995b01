import { describe, expect, test } from 'vitest'
import { takePage } from './confirm.ts'
import { commandOf, deciders } from './deciders.fixture.ts'
import { Draft } from './draft.ts'
import { callOf, commitOf, createBrowser, openTab, Sequence, type Tab } from './log.fixture.ts'

const ofS = deciders(commandOf({ kind: 'sees', on: 's' }))
/** x confirmed; a, b, c pending. */
async function filled(): Promise<Tab> {
  const tab = await openTab(createBrowser())
  await takePage(tab.engine, new Sequence().add(commitOf('x', ['s1', 't1'])))
  await tab.append(callOf('a', ['s2', 't2']), callOf('b', ['s3']), callOf('c', ['s4']))
  return tab
}
function draftOf({ engine }: Tab) {
  const draft = new Draft(engine)
  const itemOf = (id: string) => {
    const item = engine.view.pending.get(id)
    if (item === undefined) throw new Error(`${id} is not pending`)
    return item
  }
  return {
    stateBefore: (id: string) => draft.stateAt(ofS, itemOf(id).place),
    atEnd: () => draft.stateAt(ofS, Infinity),
    replace: (id: string, events?: readonly string[]) =>
      draft.replace(itemOf(id), events === undefined ? undefined : commitOf(id, events)),
  }
}

describe('the state for a decision', () => {
  test('is what is confirmed, then what is pending before its place, with the versions that it will have', async () => {
    const { stateBefore, atEnd } = draftOf(await filled())
    expect(await stateBefore('a')).toEqual(['s1@1'])
    expect(await stateBefore('c')).toEqual(['s1@1', 's2@2', 's3@3'])
    expect(await atEnd()).toEqual(['s1@1', 's2@2', 's3@3', 's4@4'])
  })

  test('is the same whether or not others of its scope were decided before', async () => {
    const tab = await filled()
    const stepwise = draftOf(tab)
    for (const id of ['a', 'b', 'c']) expect(await stepwise.stateBefore(id)).toEqual(await draftOf(tab).stateBefore(id))
  })

  test('lacks what was taken out, and counts versions without it', async () => {
    const { stateBefore, replace, atEnd } = draftOf(await filled())
    replace('a')
    expect(await stateBefore('b')).toEqual(['s1@1'])
    replace('b')
    expect(await atEnd()).toEqual(['s1@1', 's4@2'])
  })

  test('has what was put in the place of another, and counts versions with it', async () => {
    const { stateBefore, replace, atEnd } = draftOf(await filled())
    replace('a', ['s5', 's6', 's7'])
    expect(await stateBefore('c')).toEqual(['s1@1', 's5@2', 's6@3', 's7@4', 's3@5'])
    replace('c', ['t9'])
    expect(await atEnd()).toEqual(['s1@1', 's5@2', 's6@3', 's7@4', 's3@5'])
  })

  test('of another scope is another', async () => {
    const tab = await filled()
    const draft = new Draft(tab.engine)
    await draft.stateAt(ofS, Infinity)
    const ofT = deciders(commandOf({ kind: 'sees', on: 't' }))
    expect(await draft.stateAt(ofT, Infinity)).toEqual(['t1@1', 't2@2'])
  })
})
