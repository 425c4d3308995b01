// The model of the browser tests, for pages and workers.

import { defineEvents, defineLog, event, type } from 'tidelog'
import { z } from 'zod'

interface Note {
  text: string
  topic?: string
  author?: string
}

export const events = defineEvents({
  NoteTaken: event(type<Note>(), { tags: ['topic', 'author'] }),
  NoteErased: event(type<Note>(), { tags: ['topic', 'author'] }),
  Measured: event(z.object({ sensor: z.string(), value: z.number() }), {
    stream: ({ sensor }) => `sensor-${sensor}`,
    tags: ['sensor'],
  }),
})
export const notes = defineLog({ name: 'notes', events })
