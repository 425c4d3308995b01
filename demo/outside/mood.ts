/** How the harbour office treats orders. Kept for all tabs of this browser. */
export type Mood = 'open' | 'slow' | 'closed'
export const moods: readonly Mood[] = ['open', 'slow', 'closed']

const place = 'tidelog-demo-publisher'
let here: Mood = 'open'

const isMood = (text: string | null): text is Mood => moods.some((mood) => mood === text)

export function currentMood(): Mood {
  try {
    const kept = localStorage.getItem(place)
    return isMood(kept) ? kept : here
  } catch {
    // A window without storage: then each tab has a mood of its own.
    return here
  }
}

export function setMood(mood: Mood): void {
  here = mood
  try {
    localStorage.setItem(place, mood)
  } catch {
    // As above.
  }
}
