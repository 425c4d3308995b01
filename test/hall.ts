// The hall of seats.ts with Ann and Bob, both without a line, and a gate in front of the server.

import { type SimulateOptions, simulate } from 'tidelog/testing'
import { Gate } from './gate.ts'
import { seating } from './seats.ts'

export type Hall = ReturnType<typeof openHall>
export type Place = Hall['devices'][0]

function openHall(options: SimulateOptions<2> = {}) {
  const gate = new Gate()
  return Object.assign(simulate(seating, { devices: 2, serve: gate.serve, ...options }), { gate })
}

let hall: Hall | undefined
/** After each test. */
export const closeHall = () => hall?.close()

export function apart(options?: SimulateOptions<2>): readonly [hall: Hall, ann: Place, bob: Place] {
  hall = openHall(options)
  const [ann, bob] = hall.devices
  for (const device of hall.devices) device.offline()
  return [hall, ann, bob]
}

/** Devices get their line back, one after the other. */
export async function back(world: Hall, ...devices: readonly Place[]): Promise<void> {
  for (const device of devices) {
    device.online()
    await world.settle()
  }
}

export const booked = async ({ log }: Place) =>
  (await log.read().all()).events.flatMap(({ type, data }) => (type === 'Booked' ? `${data.seat}:${data.by}` : []))
