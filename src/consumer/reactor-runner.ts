import type { Reactor, ReactorContext } from '../core/automation.ts'
import { causedBy } from '../core/cause.ts'
import { mustBe, TidelogError } from '../core/errors.ts'
import type { Issue } from '../core/outcome.ts'
import { type AnyFact, checkData } from '../core/prepare.ts'
import { Consumer } from './consumer.ts'
import type { Context } from './context.ts'
import type { AnyEvent } from './handling.ts'
import type { Hub } from './hub.ts'
import { sendCommit } from './send-commit.ts'

/** Runs a reactor: what it appends for an event carries an id made from both, and its checkpoint goes in the same write. */
export function runReactor(hub: Hub, reactor: Reactor, isOwn: (event: AnyEvent) => boolean): Consumer {
  const { name, stream, query, from, retry } = reactor
  const options = {
    name: `reactor/${name}`,
    ...(stream !== undefined && { stream }),
    ...(query !== undefined && { query: query as object }),
    ...(from !== undefined && { from }),
    filter: isOwn as (event: never) => boolean,
    onError: { retry, giveUp: 'park' as const },
  }
  return new Consumer(hub, options, {
    handle: (event: never, context) => react(hub, reactor, event as AnyEvent, context as Context),
  })
}

async function react(hub: Hub, reactor: Reactor, event: AnyEvent, context: Context): Promise<void> {
  const id = `${reactor.name}/${event.id}`
  const metadata = causedBy(event)
  let commands = 0
  const execute: ReactorContext['execute'] = async (decider, command) => {
    const issues: Issue[] = []
    mustBe(decider !== undefined, 'a decider', decider)
    const data = checkData(decider.command, command, 'command', issues)
    if (issues.length > 0) throw new TidelogError('tidelog/data', JSON.stringify(issues))
    commands++
    await sendCommit(hub.ports, {
      id: `${id}/${commands}`,
      metadata,
      command: { name: decider.name, v: decider.version, data },
    })
  }
  const { signal, attempt, key } = context
  const facts = await reactor.react(event as never, { signal, attempt, key, metadata, execute })
  mustBe(facts === undefined || Array.isArray(facts), 'what a reactor answers', facts)
  if (facts === undefined || facts.length === 0) return
  const { changes, note } = context.beside()
  const sent = await sendCommit(hub.ports, { id, metadata, facts: facts as readonly AnyFact[], keep: changes })
  if (sent === 'taken') note()
}
