/** A store for several endpoints: a NATS JetStream cluster. Needs `@nats-io/transport-node` and `@nats-io/jetstream`. */
export type { NatsClient, NatsRequestOptions } from './nats-client.ts'
export { NatsStoreError, type NatsStoreErrorCode } from './nats-error.ts'
export { type NatsStoreOptions, natsStore } from './nats-store.ts'
