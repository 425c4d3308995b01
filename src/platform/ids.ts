/**
 * A new id: 128 random bits in base 36. Ids name things and order nothing, so a UUID library would only cost bytes, on
 * the page and with every event; `crypto.randomUUID` is absent on plain http.
 */
export const newRandomId = (): string =>
  [...crypto.getRandomValues(new Uint32Array(4))].map((word) => word.toString(36).padStart(7, '0')).join('')
