import { type Problem, protocolHeader, syncProtocol } from '../src/protocol/sync.ts'

const problemsBase = 'https://tidelog.dev/problems/'

/** A problem document of tidelog: `name` ends its type URI. */
export const problemOf = (name: string, title: string, detail?: string): Problem => ({
  type: `${problemsBase}${name}`,
  title,
  ...(detail === undefined ? {} : { detail }),
})

/** Ends a request with a problem document. Thrown inside the handler only; it never leaves it. */
export class RequestProblem extends Error {
  readonly problem: Problem
  /** The end of its type. */
  override readonly name: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  constructor(status: number, problem: Problem, headers: Readonly<Record<string, string>> = {}) {
    super(problem.title)
    this.problem = { ...problem, status }
    this.name = problem.type.slice(problemsBase.length)
    this.status = status
    this.headers = headers
  }
}

/** Throws a {@link RequestProblem}. */
export const refuse = (
  status: number,
  name: string,
  title: string,
  more: { readonly detail?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): never => {
  throw new RequestProblem(status, problemOf(name, title, more.detail), more.headers)
}

/** On every answer: whoever lacks the protocol header is not a tidelog server, and nothing here may be cached. */
export const commonHeaders: Readonly<Record<string, string>> = {
  [protocolHeader]: String(syncProtocol),
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
}

export const jsonResponse = (text: string): Response =>
  new Response(text, { headers: { ...commonHeaders, 'content-type': 'application/json' } })

export const problemResponse = ({ problem, status, headers }: RequestProblem): Response =>
  new Response(JSON.stringify(problem), {
    status,
    headers: { ...commonHeaders, 'content-type': 'application/problem+json', ...headers },
  })
