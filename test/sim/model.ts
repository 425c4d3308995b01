import { defineLog } from 'tidelog'
import { deciders } from './deciders.ts'
import { events } from './theatre.ts'

export const model = defineLog({ name: 'theatre', events, deciders: Object.values(deciders) })
