/** One turn of the runtime's own event loop: streams and fetch bodies need it. */
export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

/** The same without the millisecond that a browser or Node waits at least for a timer. */
export const quickTurn = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(0)
  })

/** Lets time pass until a promise is settled. */
export async function runUntil<T>(clock: { step(): boolean }, promise: Promise<T>): Promise<T> {
  let isDone = false
  const done = promise.finally(() => {
    isDone = true
  })
  done.catch(() => {})
  for (let turns = 0; !isDone; turns++) {
    await turn()
    // What waits for I/O of the runtime itself needs turns, not time.
    if (turns % 20 === 19) clock.step()
  }
  return done
}
