// `useView`, `useSync` and `useDeadLetters`, rendered by React over logs with real workers.

import { createElement, createRef, type ReactNode, StrictMode, startTransition, useLayoutEffect } from 'react'
import { renderToString } from 'react-dom/server'
import { unwrap } from 'tidelog'
import { useDeadLetters, useSync, useView } from 'tidelog/react'
import { describe, expect, test } from 'vitest'
import { addItem, cart, count, events, fold } from './react-model.ts'
import { Boundary, type CartsLog, hydrate, logOf, mount, newKey, openCarts, openWorld, settle } from './react-mount.ts'

type ViewOf = Pick<CartsLog, 'view'>
interface CartProps {
  readonly log: ViewOf
  readonly cartId: string
  readonly onRender?: (cartId: string, items: readonly string[]) => void
}
function Cart({ log, cartId, onRender }: CartProps): ReactNode {
  const items = useView(log, cart, { cartId })
  onRender?.(cartId, items)
  return `${cartId}:${items.join()};`
}
const show = (props: CartProps): ReactNode => createElement(Cart, props)

const added = (cartId: string, item: string) => events.ItemAdded({ cartId, item })
const add = async (log: CartsLog, cartId: string, item: string) =>
  unwrap(await log.append([added(cartId, item)])).receipt

/** On a server there is none. */
const noLog = {} as CartsLog

/** The log, counting what is asked of its views. */
function spied(log: CartsLog): ViewOf & { readonly asked: { views: number; subscribed: number; open: number } } {
  const asked = { views: 0, subscribed: 0, open: 0 }
  return {
    asked,
    view: ((...args: Parameters<CartsLog['view']>) => {
      asked.views++
      const real = log.view(...args)
      const subscribe = (onChange: () => void) => {
        asked.subscribed++
        asked.open++
        const stop = real.subscribe(onChange)
        return () => {
          asked.open--
          stop()
        }
      }
      return { ...real, subscribe }
    }) as CartsLog['view'],
  }
}

describe('useView', () => {
  test('shows the state, and follows this tab and another one', async () => {
    const key = newKey()
    const [here, there] = [openCarts(key), openCarts(key)]
    const page = mount(show({ log: here, cartId: 'c' }))
    await expect.poll(page.text).toBe('c:;')
    await add(here, 'c', 'rope')
    await expect.poll(page.text).toBe('c:rope;')
    await add(there, 'c', 'lamp')
    await expect.poll(page.text).toBe('c:rope,lamp;')
  })

  test('takes a projection without parameters', async () => {
    const log = openCarts()
    const Count = (): ReactNode => useView(log, count)
    const page = mount(createElement(Count))
    await add(log, 'c', 'rope')
    await expect.poll(page.text).toBe('1')
  })

  test('equal parameters written anew in every render ask for one view and one subscription', async () => {
    const log = openCarts()
    await add(log, 'c', 'rope')
    const spy = spied(log)
    const renders: string[] = []
    const onRender = (_: string, items: readonly string[]): void => void renders.push(items.join())
    const page = mount(show({ log: spy, cartId: 'c', onRender }))
    await expect.poll(page.text).toBe('c:rope;')
    for (let round = 0; round < 5; round++) {
      const before = renders.length
      page.render(show({ log: spy, cartId: 'c', onRender }))
      await expect.poll(() => renders.length).toBe(before + 1)
    }
    expect(spy.asked).toEqual({ views: 1, subscribed: 1, open: 1 })
    expect(renders).toEqual(['', ...Array(6).fill('rope')])
  })

  test('never shows the state of other parameters as that of the new ones', async () => {
    const log = openCarts()
    await add(log, 'a', 'of a')
    await add(log, 'b', 'of b')
    const spy = spied(log)
    const renders: string[] = []
    const onRender = (cartId: string, items: readonly string[]): void => void renders.push(`${cartId}:${items.join()}`)
    const page = mount(show({ log: spy, cartId: 'a', onRender }))
    await expect.poll(page.text).toBe('a:of a;')
    page.render(show({ log: spy, cartId: 'b', onRender }))
    await expect.poll(page.text).toBe('b:of b;')
    page.render(show({ log: spy, cartId: 'a', onRender }))
    await expect.poll(page.text).toBe('a:of a;')
    // The view of the first cart is still there, so nothing empty comes between.
    expect(renders).toEqual(['a:', 'a:of a', 'b:', 'b:of b', 'a:of a'])
    expect(spy.asked.open).toBe(1)
  })

  test('changes over to another log', async () => {
    const [ann, bob] = [openCarts(), openCarts()]
    await add(ann, 'c', 'of ann')
    await add(bob, 'c', 'of bob')
    const page = mount(show({ log: ann, cartId: 'c' }))
    await expect.poll(page.text).toBe('c:of ann;')
    page.render(show({ log: bob, cartId: 'c' }))
    await expect.poll(page.text).toBe('c:of bob;')
  })

  test('a component that goes leaves the view to the others, and to those that come', async () => {
    const log = openCarts()
    const spy = spied(log)
    const one = mount(show({ log: spy, cartId: 'c' }))
    const two = mount(show({ log: spy, cartId: 'c' }))
    await add(log, 'c', 'rope')
    await expect.poll(one.text).toBe('c:rope;')
    one.unmount()
    await add(log, 'c', 'lamp')
    await expect.poll(two.text).toBe('c:rope,lamp;')
    two.unmount()
    expect(spy.asked.open).toBe(0)
    const renders: string[] = []
    mount(show({ log: spy, cartId: 'c', onRender: (_, items) => void renders.push(items.join()) }))
    await expect.poll(() => renders).toEqual(['rope,lamp'])
  })

  test('throws what stopped the view to the error boundary, and starts anew when that tries again', async () => {
    const log = openCarts()
    const boundary = createRef<Boundary>()
    const page = mount(createElement(Boundary, { ref: boundary }, show({ log, cartId: 'c' })))
    await add(log, 'c', 'rope')
    await expect.poll(page.text).toBe('c:rope;')
    unwrap(await log.append([events.CartBroken({ cartId: 'c' })]))
    await expect.poll(page.text).toBe('Error: a broken cart')
    fold.throws = false
    boundary.current?.tryAgain()
    await expect.poll(page.text).toBe('c:rope;')
  })

  test('throws that the log was closed', async () => {
    const log = openCarts()
    const page = mount(createElement(Boundary, null, show({ log, cartId: 'c' })))
    await add(log, 'c', 'rope')
    await expect.poll(page.text).toBe('c:rope;')
    await log.close()
    await expect.poll(page.text).toContain('tidelog/log-closed')
  })

  test('works in strict mode, with one subscription at a time', async () => {
    const log = openCarts()
    const spy = spied(log)
    const page = mount(createElement(StrictMode, null, show({ log: spy, cartId: 'c' })))
    await add(log, 'c', 'rope')
    await expect.poll(page.text).toBe('c:rope;')
    expect(spy.asked.open).toBe(1)
    page.unmount()
    expect(spy.asked.open).toBe(0)
  })

  test('components never show two states of one view at a time, also in transitions', async () => {
    const log = openCarts()
    const torn: string[] = []
    let last = ''
    const seen: Record<string, string> = {}
    const Part = ({ name }: { readonly name: string; readonly round: number }): ReactNode => {
      const items = useView(log, cart, { cartId: 'c' }).join()
      // Long enough for React to give way to what comes in between.
      for (const until = performance.now() + 6; performance.now() < until; );
      useLayoutEffect(() => {
        seen[name] = items
      })
      return items
    }
    const All = ({ round }: { readonly round: number }): ReactNode => {
      useLayoutEffect(() => {
        const states = new Set(Object.values(seen))
        if (states.size > 1) torn.push([...states].join(' | '))
        last = [...states].join(' | ')
      })
      return ['1', '2', '3', '4'].map((name) => createElement(Part, { key: name, name, round }))
    }
    const page = mount(createElement(All, { round: 0 }))
    for (let round = 1; round <= 8; round++) {
      startTransition(() => page.render(createElement(All, { round })))
      await add(log, 'c', `${round}`)
    }
    await expect.poll(() => page.text()).toBe('1,2,3,4,5,6,7,8'.repeat(4))
    page.render(createElement(All, { round: 9 }))
    await expect.poll(() => last).toBe('1,2,3,4,5,6,7,8')
    expect(torn).toEqual([])
  })

  test('a server shows the initial state and opens no view; the page takes over from it', async () => {
    const html = renderToString(show({ log: noLog, cartId: 'c' }))
    expect(html).toBe('c:;')
    const log = openCarts()
    await add(log, 'c', 'rope')
    // The page knows more than the server did before it takes over.
    await log.view(cart, { cartId: 'c' }).ready
    const page = hydrate(html, show({ log, cartId: 'c' }))
    await expect.poll(page.text).toBe('c:rope;')
    expect(page.mismatches).toEqual([])
  })
})

describe('useSync', () => {
  const Status = ({ log }: { readonly log: Pick<CartsLog, 'sync'> }): ReactNode => {
    const { state, pending, synced } = useSync(log)
    return `${state} ${pending} ${synced}`
  }

  test('shows what is pending and when the server has everything', async () => {
    const world = openWorld()
    const [ann] = world.devices
    const page = mount(createElement(StrictMode, null, createElement(Status, { log: ann.log })))
    await settle(world)
    await expect.poll(page.text).toBe('live 0 true')
    ann.offline()
    unwrap(await ann.log.append([added('c', 'rope')]))
    await expect.poll(page.text).toMatch(/^\w+ 1 false$/)
    ann.online()
    await settle(world)
    await expect.poll(page.text).toBe('live 0 true')
  })

  test('is starting on a server, and in the page until it took over', async () => {
    const world = openWorld()
    const [ann] = world.devices
    const html = renderToString(createElement(Status, { log: noLog }))
    expect(html).toBe('starting 0 false')
    await settle(world)
    const page = hydrate(html, createElement(Status, { log: ann.log }))
    await expect.poll(page.text).toBe('live 0 true')
    expect(page.mismatches).toEqual([])
  })
})

test('useDeadLetters shows the letters, and none that was discarded', async () => {
  const world = openWorld()
  const [ann, bob] = world.devices
  const Letters = ({ log }: { readonly log: CartsLog }): ReactNode =>
    useDeadLetters(log).map(({ reason }) => `${reason.type};`)
  expect(renderToString(createElement(Letters, { log: noLog }))).toBe('')
  const page = mount(createElement(StrictMode, null, createElement(Letters, { log: logOf(bob) })))
  await settle(world)
  bob.offline()
  for (const item of ['1', '2', '3']) unwrap(await ann.log.execute(addItem, { cartId: 'c', item }))
  const { receipt } = unwrap(await bob.log.execute(addItem, { cartId: 'c', item: 'late' }))
  await settle(world)
  expect(page.text()).toBe('')
  bob.online()
  await settle(world)
  await expect.poll(page.text).toBe('CartFull;')
  await bob.log.deadLetters.discard(receipt.commitId)
  await expect.poll(page.text).toBe('')
})
