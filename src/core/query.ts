import { isListOf, isRecord, isText } from './guard.ts'
import { eventTypeMax, queryItemsMax, tagLengthMax } from './limits.ts'

/** A query item as data: types are alternatives, tags are all required; an absent part restricts nothing. */
export interface QueryItemData {
  readonly types?: readonly string[] | undefined
  readonly tags?: readonly string[] | undefined
}

/** One alternative of what is looked for: every part that is present has to hold of one and the same event. */
export interface Selector extends QueryItemData {
  readonly stream?: string | undefined
}

/** What a selector looks at. */
export interface Selectable {
  readonly type: string
  readonly stream: string
  readonly tags?: readonly string[] | undefined
}

const matchesOne = (selector: Selector, event: Selectable): boolean =>
  (selector.stream === undefined || selector.stream === event.stream) &&
  (selector.types === undefined || selector.types.includes(event.type)) &&
  (selector.tags === undefined || selector.tags.every((tag) => event.tags?.includes(tag) === true))

/** Whether any of the alternatives holds of the event. */
export const matches = (selectors: readonly Selector[], event: Selectable): boolean =>
  selectors.some((selector) => matchesOne(selector, event))

/** The selectors of a condition: none when it asks for nothing. */
export const conditionToSelectors = (condition?: {
  readonly streams?: readonly string[] | undefined
  readonly query?: readonly QueryItemData[] | undefined
}): readonly Selector[] => [
  ...(condition?.streams ?? []).map((stream): Selector => ({ stream })),
  ...(condition?.query ?? []),
]

const isType = (value: unknown): value is string => isText(value, eventTypeMax)
/** Guards a tag that comes from outside. */
export const isTag = (value: unknown): value is string => isText(value, tagLengthMax)

/** Guards a query item that comes from outside. */
export const isQueryItem = (value: unknown): value is QueryItemData =>
  isRecord(value) &&
  (value.types === undefined || (isListOf(value.types, isType) && value.types.length <= queryItemsMax)) &&
  (value.tags === undefined || (isListOf(value.tags, isTag) && value.tags.length <= queryItemsMax))
