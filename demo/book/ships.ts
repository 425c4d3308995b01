// Names of ships that never were: a colour or a temper, and what it belongs to.

const first =
  'Amber Bold Bright Brisk Bronze Calm Clear Copper Coral Crimson Dancing Dappled Dawn Distant Dusky Early Fair Faithful ' +
  'Flying Frosty Gallant Gentle Gilded Golden Green Grey Happy Hazel Honest Hopeful Indigo Iron Ivory Jolly Keen Late Little ' +
  'Lively Lonely Lucky Merry Misty Morning Noble Northern Old Pale Patient Proud Quiet Restless Rosy Ruddy Salty Silent Silver ' +
  'Southern Steady Western White'
const second =
  'Albatross Anchor Arrow Auk Beacon Bell Breeze Cormorant Crane Curlew Dolphin Dove Dunlin Eider Falcon Fulmar Gannet Goose ' +
  'Grebe Gull Harbour Heron Herring Island Kestrel Lady Lark Lass Mackerel Maid Mallard Merlin Osprey Otter Petrel Pilot ' +
  'Plover Puffin Rover Salmon Seal Skua Star Swallow Swan Tern Thistle Trader Turnstone Wren'

const firsts = first.split(' ')
const seconds = second.split(' ')
const shipCount = firsts.length * seconds.length
/** Shares no divisor with the number of ships, so that busy ships don't all begin with the same word. */
const stride = 1009

/** Every ship, those that come most often first. */
export const ships: readonly string[] = Array.from({ length: shipCount }, (_, rank) => {
  const at = (rank * stride) % shipCount
  return `${firsts[Math.floor(at / seconds.length)]} ${seconds[at % seconds.length]}`
})

export const ports: readonly string[] = (
  'Aarhus Aberdeen Antwerp Bergen Bilbao Brest Bremen Cadiz Cork Danzig Dieppe Dover Dublin Esbjerg Faro Gothenburg Hamburg ' +
  'Hull Leith Lisbon Malaga Oporto Riga Rotterdam Tallinn Tromso Vigo Whitby'
).split(' ')

/** The name as it is in the book, whatever its case and spaces. A name that no ship has stays as it is typed. */
export function toShipName(typed: string): string {
  const wanted = typed.trim().replace(/\s+/g, ' ')
  return ships.find((ship) => ship.toLowerCase() === wanted.toLowerCase()) ?? wanted
}

/** The first ships whose names hold what is typed. */
export const shipsLike = (typed: string, max: number): readonly string[] =>
  ships.filter((ship) => ship.toLowerCase().includes(typed.trim().toLowerCase())).slice(0, max)
