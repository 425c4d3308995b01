/** Bits for many ids: to ask for them costs more than all the rest. */
const words = new BigUint64Array(128)
let left = 0

const nextWord = (): string | undefined => {
  left ||= crypto.getRandomValues(words).length
  return words[--left]?.toString(36)
}

/**
 * A new id: 128 random bits in base 36. Ids name things and order nothing, so a UUID library would only cost bytes, on
 * the page and with every event; `crypto.randomUUID` is absent on plain http.
 */
export const newRandomId = (): string => `${nextWord()}${nextWord()}`
