/** Small guards for values that come from outside (wire, worker, disk). */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A whole number from `least` up to the largest safe integer. */
export const isCount = (value: unknown, least = 0): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= least

/** A string of 1 to `max` characters. */
export const isText = (value: unknown, max: number): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= max

/** No half of a surrogate pair, which can't be written as UTF-8. */
export const isWellFormed = (text: string): boolean => !/\p{Cs}/u.test(text)

/** An id: no control characters and no half surrogates, which some stores cut or change. */
export const isId = (value: unknown, max: number): value is string =>
  isText(value, max) && !/[\p{Cc}\p{Cs}]/u.test(value)

/** Whether something comes later. */
export const isPromiseLike = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value

/** An array whose every element passes. */
export const isListOf = <T>(value: unknown, isElement: (element: unknown) => element is T): value is readonly T[] =>
  Array.isArray(value) && value.every(isElement)
