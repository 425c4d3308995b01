// Reads source files into the few facts that the rules need.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { parseSync } from 'vite'

interface At {
  readonly line: number
}
export interface Import extends At {
  /** A path from the repository's root (`src/core/event.ts`) or what names a package (`idb`, `node:fs`). */
  readonly target: string
  readonly isFile: boolean
  readonly typeOnly: boolean
}
export interface Func extends At {
  readonly name: string
  readonly lines: number
  /** Without the lines of functions inside it: what counts in a file of tests, where functions mostly hold others. */
  readonly ownLines: number
}
export interface Call extends At {
  readonly callee: string
  readonly args: number
  /** The innermost function around it. */
  readonly inside: string
}
export interface Text extends At {
  readonly text: string
}
export interface Source {
  readonly path: string
  readonly lines: number
  readonly imports: readonly Import[]
  readonly functions: readonly Func[]
  readonly calls: readonly Call[]
  /** Member expressions as written, such as `Date.now`. */
  readonly members: readonly Text[]
  readonly comments: readonly Text[]
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}
const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && 'start' in value && typeof value.type === 'string'

const visit = (node: Node, parents: readonly Node[], see: (node: Node, parents: readonly Node[]) => void): void => {
  see(node, parents)
  const below = [...parents, node]
  for (const child of Object.values(node).flat()) if (isNode(child)) visit(child, below, see)
}

const functionTypes = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']
const isFunction = (node: Node): boolean => functionTypes.includes(node.type)

/** The name a reader would use: its own, or that of the variable, property or method that holds it. */
const nameOf = (node: Node, parents: readonly Node[], text: string): string => {
  const parent = parents.at(-1)
  const named = [node.id, parent?.id, parent?.key, parent?.left].find(isNode)
  if (!named) return '(anonymous)'
  return typeof named.name === 'string' ? named.name : text.slice(named.start, named.end)
}

const isTypeOnly = (node: Node): boolean => {
  const isType = (part: Node): boolean => part.importKind === 'type' || part.exportKind === 'type'
  const parts = [node.specifiers].flat().filter(isNode)
  return node.type === 'TSImportType' || isType(node) || (parts.length > 0 && parts.every(isType))
}

const linesOf = (text: string): ((offset: number) => number) => {
  const starts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)]
  return (offset) => starts.findLastIndex((start) => start <= offset) + 1
}

const ownLinesOf = (outer: Omit<Func, 'ownLines'>, all: readonly Omit<Func, 'ownLines'>[]): number => {
  const last = outer.line + outer.lines - 1
  const inner = new Set<number>()
  for (const { line, lines } of all) {
    if (line < outer.line || line + lines - 1 > last || lines >= outer.lines) continue
    // Its first and last line are shared with the call that takes it.
    for (let covered = line + 1; covered < line + lines - 1; covered++) inner.add(covered)
  }
  return outer.lines - inner.size
}

const isCode = (path: string): boolean => /\.[mc]?[jt]sx?$/.test(path)

/** One file as facts. A file that is not code has its text as its only comment. */
export const toSource = (path: string, text: string): Source => {
  const lineAt = linesOf(text)
  const lines = lineAt(Math.max(0, text.length - 1))
  if (!isCode(path))
    return { path, lines, imports: [], functions: [], calls: [], members: [], comments: [{ text, line: 1 }] }

  const imports: Import[] = []
  const functions: Omit<Func, 'ownLines'>[] = []
  const calls: Call[] = []
  const members: Text[] = []
  const see = (node: Node, parents: readonly Node[]): void => {
    const line = lineAt(node.start)
    if (isNode(node.source) && typeof node.source.value === 'string') {
      const named = node.source.value
      const isFile = named.startsWith('.')
      const target = isFile ? posix.join(posix.dirname(path), named) : named
      imports.push({ target, isFile, typeOnly: isTypeOnly(node), line })
    }
    if (isFunction(node))
      functions.push({ name: nameOf(node, parents, text), line, lines: lineAt(node.end) - line + 1 })
    if (node.type === 'MemberExpression') members.push({ text: text.slice(node.start, node.end), line })
    if (isNode(node.callee)) {
      const holder = parents.findLastIndex(isFunction)
      const around = parents[holder]
      calls.push({
        callee: `${node.type === 'NewExpression' ? 'new ' : ''}${text.slice(node.callee.start, node.callee.end)}`,
        args: [node.arguments].flat().filter(isNode).length,
        inside: around ? nameOf(around, parents.slice(0, holder), text) : '(module)',
        line: lineAt(node.callee.end - 1),
      })
    }
  }
  const { program, comments, errors } = parseSync(path, text)
  if (errors[0]) throw new Error(`${path} does not parse: ${errors[0].message}`)
  if (isNode(program)) visit(program, [], see)
  return {
    path,
    lines,
    imports,
    functions: functions.map((func) => ({ ...func, ownLines: ownLinesOf(func, functions) })),
    calls,
    members,
    comments: comments.map((comment) => ({ text: comment.value, line: lineAt(comment.start) })),
  }
}

const folders = ['src', 'worker', 'server', 'demo', 'test', 'bench', 'scripts']
const isSource = (path: string): boolean => isCode(path) || /\.(?:css|html)$/.test(path)

/** All source files of the repository, read from the folder the tests run in. */
export const readSources = (): Source[] => {
  const paths = readdirSync('.').filter(isSource)
  for (const folder of folders.filter((name) => existsSync(name)))
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = posix.join(entry.parentPath.replaceAll('\\', '/'), entry.name)
      if (entry.isFile() && isSource(path) && !path.startsWith('test/fixtures/')) paths.push(path)
    }
  return paths.sort().map((path) => toSource(path, readFileSync(path, 'utf8')))
}
