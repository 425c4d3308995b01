// `useCommand`, rendered by React over logs with real workers, and over two devices and a server.

import { Activity, act, createElement, type ReactNode, StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { isTidelogError, unwrap } from 'tidelog'
import { useCommand } from 'tidelog/react'
import { describe, expect, test } from 'vitest'
import { addItem, cart, forbidden, max } from './react-model.ts'
import { type CartsLog, logOf, mount, openCarts, openWorld, settle } from './react-mount.ts'

const useAdd = (log: CartsLog) => useCommand(log, addItem)
type Add = ReturnType<typeof useAdd>

/** A component that runs `add-item`, and what it was given in each render. */
function adder(log: CartsLog): { readonly element: ReactNode; readonly given: Add[]; readonly add: Add[0] } {
  const given: Add[] = []
  const Adder = (): ReactNode => {
    const [add, adding] = useAdd(log)
    given.push([add, adding])
    const { pending, running, refused, refusedLater, error } = adding
    const later = refusedLater && `${refusedLater.reason.type} later`
    return [pending, running && 'running', refused?.type, later, error && 'error'].filter(Boolean).join(' ') || 'idle'
  }
  return {
    element: createElement(Adder),
    given,
    add: (...args) => {
      const [add] = given.at(-1) ?? []
      if (add === undefined) throw new Error('not rendered yet')
      return add(...args)
    },
  }
}
const item = (name: string, cartId = 'c') => ({ cartId, item: name })
const state = (given: readonly Add[]): Add[1] | undefined => given.at(-1)?.[1]

describe('run', () => {
  test('resolves with the typed outcome, and the state says while it runs and until it is confirmed', async () => {
    const log = openCarts()
    const { element, given, add } = adder(log)
    const page = mount(element)
    await expect.poll(page.text).toBe('idle')
    const outcome = unwrap(await add(item('rope')))
    expect(outcome.events.map(({ data }) => data.item)).toEqual(['rope'])
    await expect.poll(page.text).toBe('idle')
    const flow = given.map(([, { pending, running }]) => `${pending} ${running}`)
    expect(flow.slice(0, 2)).toEqual(['0 false', '0 true'])
    expect(flow).toContain('1 false')
    expect(state(given)).toMatchObject({ pending: 0, running: false, refused: undefined, error: undefined })
  })

  test('is the same function in every render, and another one for another log', async () => {
    const [ann, bob] = [openCarts(), openCarts()]
    const runs: unknown[] = []
    const Runs = ({ log }: { readonly log: CartsLog; readonly round: number }): ReactNode => {
      const [add, { refused }] = useAdd(log)
      runs.push(add)
      return refused?.type ?? 'idle'
    }
    const page = mount(createElement(Runs, { log: ann, round: 1 }))
    await expect.poll(page.text).toBe('idle')
    for (let nth = 0; nth < max; nth++) unwrap(await ann.execute(addItem, item(`${nth}`)))
    const run = runs[0] as Add[0]
    expect((await run(item('late'))).ok).toBe(false)
    await expect.poll(page.text).toBe('CartFull')
    page.render(createElement(Runs, { log: ann, round: 2 }))
    expect(new Set(runs).size).toBe(1)
    page.render(createElement(Runs, { log: bob, round: 3 }))
    // What was refused there says nothing of the log here.
    await expect.poll(page.text).toBe('idle')
    expect(new Set(runs).size).toBe(2)
  })

  test('many at once all come to an end, each with its own outcome', async () => {
    const log = openCarts()
    const { element, given, add } = adder(log)
    const page = mount(createElement(StrictMode, null, element))
    await expect.poll(page.text).toBe('idle')
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, nth) => add(item(`${nth}`))))
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(max)
    await expect.poll(page.text).toBe('CartFull')
    expect(state(given)).toMatchObject({ pending: 0, running: false, refused: { data: { max } } })
  })

  test('goes on after the component went, and nothing is heard of it', async () => {
    const log = openCarts()
    const { element, given, add } = adder(log)
    const page = mount(element)
    await expect.poll(page.text).toBe('idle')
    const running = add(item('rope'))
    page.unmount()
    const renders = given.length
    const { receipt } = unwrap(await running)
    await log.whenConfirmed(receipt)
    unwrap(await add(item('lamp')))
    expect(given).toHaveLength(renders)
    expect(await log.view(cart, { cartId: 'c' }).ready).toEqual(['rope', 'lamp'])
  })

  test('what it rejects with is the error of the state, and an ignored rejection is no unhandled one', async () => {
    // The package's own worker knows no deciders.
    const log = openCarts(undefined, { ownWorker: false })
    const { element, given, add } = adder(log)
    const page = mount(element)
    await expect.poll(page.text).toBe('idle')
    const unhandled: unknown[] = []
    const note = (event: PromiseRejectionEvent): void => void unhandled.push(event.reason)
    addEventListener('unhandledrejection', note)
    add(item('rope'))
    await expect.poll(page.text).toBe('error')
    expect(isTidelogError(state(given)?.error, 'tidelog/decider')).toBe(true)
    await expect(add(item('rope'))).rejects.toSatisfy((error) => isTidelogError(error, 'tidelog/decider'))
    state(given)?.reset()
    await expect.poll(page.text).toBe('idle')
    // Such an event comes after the microtasks of its task.
    await new Promise((resolve) => setTimeout(resolve, 0))
    removeEventListener('unhandledrejection', note)
    expect(unhandled).toEqual([])
  })

  test('a command of which nothing comes is not pending', async () => {
    const log = openCarts()
    const { element, add } = adder(log)
    const page = mount(element)
    await expect.poll(page.text).toBe('idle')
    unwrap(await add(item('rope')))
    expect(unwrap(await add(item('rope'))).events).toEqual([])
    await expect.poll(page.text).toBe('idle')
  })
})

test('a refusal now is typed, and gone with the next run or a reset', async () => {
  const log = openCarts()
  const { element, given, add } = adder(log)
  const page = mount(element)
  for (let nth = 0; nth < max; nth++) unwrap(await log.execute(addItem, item(`${nth}`)))
  await add(item('late'))
  await expect.poll(page.text).toBe('CartFull')
  const refused = state(given)?.refused
  expect(refused?.type === 'CartFull' && refused.data.max).toBe(max)
  await add(item('rope', 'another'))
  await expect.poll(page.text).toBe('idle')
  await add(item('late'))
  await expect.poll(page.text).toBe('CartFull')
  state(given)?.reset()
  await expect.poll(page.text).toBe('idle')
})

describe('with a server', () => {
  test('commits are pending until they are confirmed', async () => {
    const world = openWorld()
    const [ann] = world.devices
    const { element, add } = adder(logOf(ann))
    const page = mount(createElement(StrictMode, null, element))
    await settle(world)
    ann.offline()
    await Promise.all([add(item('1')), add(item('2')), add(item('3'), { commitId: 'mine' })])
    // The same commit again.
    unwrap(await add(item('3'), { commitId: 'mine' }))
    await expect.poll(page.text).toBe('3')
    ann.online()
    await settle(world)
    await expect.poll(page.text).toBe('idle')
  })

  test('a refusal later is typed, names its commit, and outlives other runs', async () => {
    const world = openWorld()
    const [ann, bob] = world.devices
    const { element, given, add } = adder(logOf(bob))
    const page = mount(element)
    await settle(world)
    bob.offline()
    for (let nth = 0; nth < max; nth++) unwrap(await ann.log.execute(addItem, item(`${nth}`)))
    const { receipt } = unwrap(await add(item('late')))
    await expect.poll(page.text).toBe('1')
    await settle(world)
    bob.online()
    await settle(world)
    await expect.poll(page.text).toBe('CartFull later')
    const { reason, commitId } = state(given)?.refusedLater ?? {}
    expect(commitId).toBe(receipt.commitId)
    expect(reason?.type === 'CartFull' && reason.data.max).toBe(max)
    unwrap(await add(item('rope', 'another')))
    await settle(world)
    await expect.poll(page.text).toBe('CartFull later')
    state(given)?.reset()
    await expect.poll(page.text).toBe('idle')
  })

  test('what the server rejects is refused later, with its problem', async () => {
    const world = openWorld()
    const [ann] = world.devices
    const { element, given, add } = adder(logOf(ann))
    const page = mount(element)
    await settle(world)
    ann.offline()
    unwrap(await add(item('rope')))
    forbidden.add('rope')
    ann.online()
    await settle(world)
    await expect.poll(page.text).toBe('Rejected later')
    const reason = state(given)?.refusedLater?.reason
    expect(reason?.type === 'Rejected' && reason.problem).toHaveProperty('title')
  })

  test('a commit that was taken back is no longer pending, and no refusal', async () => {
    const world = openWorld()
    const [ann] = world.devices
    const { element, add } = adder(logOf(ann))
    const page = mount(element)
    await settle(world)
    ann.offline()
    const { receipt } = unwrap(await add(item('rope')))
    await expect.poll(page.text).toBe('1')
    expect((await ann.log.withdraw(receipt)).ok).toBe(true)
    await settle(world)
    await expect.poll(page.text).toBe('idle')
  })

  test('a component that went waits for nothing', async () => {
    const world = openWorld()
    const [ann] = world.devices
    const signals: (AbortSignal | undefined)[] = []
    const log: CartsLog = {
      ...logOf(ann),
      whenConfirmed: ((...args: Parameters<CartsLog['whenConfirmed']>) => {
        signals.push(args[1]?.signal)
        return ann.log.whenConfirmed(...args)
      }) as CartsLog['whenConfirmed'],
    }
    const { element, add } = adder(log)
    const page = mount(element)
    await settle(world)
    ann.offline()
    await Promise.all([add(item('1')), add(item('2'))])
    page.unmount()
    await add(item('3'))
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, true])
  })

  test('a hidden component knows what was confirmed meanwhile when it is shown again', async () => {
    const world = openWorld()
    const [ann] = world.devices
    const { element, given, add } = adder(logOf(ann))
    const within = (mode: 'visible' | 'hidden'): ReactNode => {
      const props = { mode, children: element }
      return createElement(Activity, props)
    }
    const page = mount(within('visible'))
    await settle(world)
    ann.offline()
    await Promise.all([add(item('1')), add(item('2'))])
    await expect.poll(page.text).toBe('2')
    page.render(within('hidden'))
    await settle(world)
    ann.online()
    await settle(world)
    expect(state(given)?.pending).toBe(2)
    page.render(within('visible'))
    await expect.poll(page.text).toBe('idle')
    ann.offline()
    unwrap(await add(item('3')))
    await expect.poll(page.text).toBe('1')
  })

  test('a test that acts hears no warning', async () => {
    const world = openWorld()
    const [ann] = world.devices
    const { element, add } = adder(logOf(ann))
    Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
    try {
      let page: ReturnType<typeof mount> | undefined
      await act(async () => {
        page = mount(element)
      })
      await act(async () => {
        await add(item('1'))
        await settle(world)
      })
      expect(page?.text()).toBe('idle')
      ann.offline()
      await act(async () => {
        await add(item('2'))
      })
      expect(page?.text()).toBe('1')
      await act(async () => page?.unmount())
      // What comes after it went renders nothing, so it needs no act.
      ann.online()
      await settle(world)
    } finally {
      Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: false })
    }
  })
})

test('a server shows that nothing was run', () => {
  expect(renderToString(adder({} as CartsLog).element)).toBe('idle')
})
