import type { Fetch } from '../core/ports.ts'

/** The line of one device to a server in the same program; it can be cut, which also breaks what is under way. */
export class Line {
  #cut = new AbortController()
  #isUp = true
  readonly #serve: Fetch

  constructor(serve: Fetch) {
    this.#serve = serve
  }

  get isUp(): boolean {
    return this.#isUp
  }

  cut(): void {
    this.#isUp = false
    this.#cut.abort()
  }

  mend(): void {
    // What is under way stays on the line that a cut breaks.
    if (this.#isUp) return
    this.#isUp = true
    this.#cut = new AbortController()
  }

  readonly fetch: Fetch = async (request) => {
    if (!this.#isUp) throw new TypeError('the line is cut')
    const cut = this.#cut.signal
    const response = await this.#serve(new Request(request, { signal: AbortSignal.any([request.signal, cut]) }))
    if (cut.aborted) throw new TypeError('the line was cut')
    return new Response(response.body === null ? null : breakable(response.body, cut), response)
  }
}

/** The same stream, which fails when the signal is aborted. */
function breakable(body: ReadableStream<Uint8Array>, cut: AbortSignal): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const over = new AbortController()
  return new ReadableStream({
    start: (controller) => {
      const abort = (): void => {
        controller.error(new TypeError('the line was cut'))
        reader.cancel().catch(() => {})
      }
      cut.addEventListener('abort', abort, { signal: over.signal })
    },
    pull: async (controller) => {
      const { done, value } = await reader.read()
      if (cut.aborted) return
      if (!done) return controller.enqueue(value)
      over.abort()
      controller.close()
    },
    cancel: () => {
      over.abort()
      return reader.cancel()
    },
  })
}
