// Finds the program of the NATS server, and has Debian install it where it is missing. Needs nothing but Node.
import { existsSync } from 'node:fs'
import { installFromDebian, onPath } from './engines.js'
import { fail } from './steps.js'

/** Debian keeps it where only root looks. */
const natsProgram = () => {
  const chosen = process.env.TIDELOG_NATS
  if (chosen && existsSync(chosen)) return chosen
  return onPath('nats-server') ?? (existsSync('/usr/sbin/nats-server') ? '/usr/sbin/nats-server' : undefined)
}

export const findNats = () => {
  if (natsProgram() !== undefined) return
  // In this runlevel Debian starts no services: the tests start servers of their own.
  process.env.RUNLEVEL = '1'
  installFromDebian('nats-server')
  if (natsProgram() === undefined)
    fail('no NATS server for the tests: install `nats-server`, or set TIDELOG_NATS to the path of one.')
}
