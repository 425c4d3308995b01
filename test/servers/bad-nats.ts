import type { NatsConnection } from '@nats-io/transport-node'

/** A connection over a bad network: `fate` hears the subject of each request, and sends it or does not. */
export function badNats(
  connection: NatsConnection,
  fate: (subject: string, send: () => Promise<unknown>, payload: unknown) => Promise<unknown>,
  published: (subject: string) => 'sent' | 'lost' = () => 'sent',
): NatsConnection {
  return new Proxy(connection, {
    get(target, name) {
      if (name === 'request')
        return (subject: string, ...rest: unknown[]) =>
          fate(subject, () => target.request(subject, ...(rest as [])), rest[0])
      if (name === 'publish')
        return (subject: string, ...rest: []) => {
          if (published(subject) === 'sent') target.publish(subject, ...rest)
        }
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
