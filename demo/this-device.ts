import { newId } from './new-id.ts'

const place = 'tidelog-demo-device'
let name: string | undefined

/** A made-up name for this browser, so that the log shows who did what. It means nothing elsewhere. */
export function thisDevice(): string {
  if (name !== undefined) return name
  const fresh = `device-${newId().slice(0, 4)}`
  try {
    name = localStorage.getItem(place) ?? fresh
    localStorage.setItem(place, name)
  } catch {
    // Some windows refuse storage: then the name lasts as long as the page.
    name = fresh
  }
  return name
}
