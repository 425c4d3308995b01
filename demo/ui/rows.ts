/** How one item of a list becomes an element and stays up to date. */
export interface Row<T> {
  readonly key: (item: T) => string
  readonly create: (item: T) => HTMLElement
  readonly update: (element: HTMLElement, item: T) => void
}

/** Makes the list show the items, keeping the elements of those it shows already, and the focus in them. */
export function showRows<T>(list: HTMLElement, items: readonly T[], row: Row<T>): void {
  const known = new Map<string, HTMLElement>()
  for (const child of list.children)
    if (child instanceof HTMLElement && child.dataset.key !== undefined) known.set(child.dataset.key, child)
  const wanted = new Set(items.map(row.key))
  // What goes, goes first: moving an element would take the focus out of it.
  for (const [key, element] of known) if (!wanted.has(key)) element.remove()
  let place = list.firstElementChild
  for (const item of items) {
    const key = row.key(item)
    const element = known.get(key) ?? row.create(item)
    element.dataset.key = key
    row.update(element, item)
    if (element === place) place = place.nextElementSibling
    else list.insertBefore(element, place)
  }
}
