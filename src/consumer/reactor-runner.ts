import type { Reactor, ReactorContext } from '../core/automation.ts'
import { causedBy } from '../core/cause.ts'
import { mustBe } from '../core/errors.ts'
import type { AnyFact } from '../core/prepare.ts'
import { nameOf } from '../core/recorded.ts'
import { consume, type IsWanted } from './automation-consumer.ts'
import type { Consumer } from './consumer.ts'
import type { Context } from './context.ts'
import type { AnyEvent } from './handling.ts'
import type { Hub } from './hub.ts'
import { sendCommit, toCommand } from './send-commit.ts'

/** Runs a reactor: what it appends for an event carries an id made from both, and its checkpoint goes in the same write. */
export const runReactor = (hub: Hub, reactor: Reactor, isWanted: IsWanted): Consumer =>
  consume(hub, reactor, reactor.retry, isWanted, (event, context) => react(hub, reactor, event, context))

async function react(hub: Hub, reactor: Reactor, event: AnyEvent, context: Context): Promise<void> {
  const id = `${reactor.name}/${nameOf(event)}`
  const metadata = causedBy(event)
  let commands = 0
  const execute: ReactorContext['execute'] = async (decider, command) => {
    const sent = toCommand(decider, command)
    commands++
    await sendCommit(hub.ports, { id: `${id}/${commands}`, metadata, command: sent })
  }
  const { signal, attempt, key } = context
  const facts = await reactor.react(event as never, { signal, attempt, key, metadata, execute })
  mustBe(facts === undefined || Array.isArray(facts), 'what a reactor answers', facts)
  if (facts === undefined || facts.length === 0) return
  const { changes, note } = context.beside()
  const sent = await sendCommit(hub.ports, { id, metadata, facts: facts as readonly AnyFact[], keep: changes })
  if (sent === 'taken') note()
}
