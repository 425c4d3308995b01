import type { Command, Option } from './command.ts'
import { storeExamples } from './stores.ts'

const store: Option = {
  name: 'store',
  value: 'URL',
  isRequired: true,
  help: ['where the logs are:', ...storeExamples],
}
const logOptions: readonly Option[] = [
  { name: 'log-level', value: 'LEVEL', fallback: 'info', help: ['debug (every request), info, warn or error'] },
  { name: 'log-format', value: 'FORMAT', help: ['json or text; by default text on a terminal, else json'] },
]
const oneLog: readonly Option[] = [
  { name: 'log', value: 'NAME', isRequired: true, help: ['the log, as its clients call it'] },
  { name: 'tenant', value: 'NAME', help: ['the tenant whose log it is, where the endpoint has tenants'] },
]

export const serve: Command = {
  name: 'serve',
  summary: 'serve logs to browsers',
  text: [
    'Serves the sync endpoint over HTTP, and beside it /healthz, /readyz and /metrics.',
    'SIGTERM or SIGINT ends it gracefully, a second one at once.',
  ],
  options: [
    store,
    { name: 'port', value: 'PORT', fallback: '8080', help: ['0 takes any free one'] },
    { name: 'host', value: 'ADDRESS', fallback: '127.0.0.1', help: ['0.0.0.0 or :: for all networks'] },
    { name: 'base-path', value: 'PATH', help: ['in front of the logs; /sync by default'] },
    {
      name: 'token-file',
      value: 'FILE',
      help: ['who may come in: a line for each, with a name and a', 'bearer token, parted by a space'],
    },
    {
      name: 'config',
      value: 'FILE',
      help: ['a module whose default export has options of', 'createSyncHandler, such as authenticate and authorize'],
    },
    {
      name: 'cors',
      value: 'ORIGIN',
      isList: true,
      help: ['an origin whose pages may call, or *; several times', 'for several'],
    },
    { name: 'static', value: 'FOLDER', help: ['a built front end, served at every other path'] },
    {
      name: 'proxies',
      value: 'NUMBER',
      help: ['how many proxies of your own stand in front; then', 'clients are counted by their addresses'],
    },
    { name: 'metrics-port', value: 'PORT', help: ['serve /metrics there and not at --port'] },
    {
      name: 'wait',
      value: 'SECONDS',
      fallback: '0',
      help: ['wait so long at start for a store that can not be', 'reached, and be not ready meanwhile'],
    },
    {
      name: 'drain',
      value: 'SECONDS',
      fallback: '0',
      help: ['when it is to end, say so at /readyz for so long', 'before connections are closed'],
    },
    { name: 'grace', value: 'SECONDS', fallback: '10', help: ['what is under way then gets so long'] },
    ...logOptions,
  ],
  examples: [
    'tidelog serve --store sqlite:./log.db',
    'tidelog serve --store sqlite:./log.db --host 0.0.0.0 --token-file ./tokens',
    'tidelog serve --store postgres://tidelog@db.internal/shop --config ./tidelog.config.js --metrics-port 9090',
  ],
}

export const backup: Command = {
  name: 'backup',
  summary: 'write a log to a file',
  text: [
    'Writes one log, as it is now, to a file. The endpoint may go on serving. The file is gzipped JSON, one line for each',
    'commit, with a checksum; it appears under its name when it is whole.',
  ],
  options: [
    store,
    ...oneLog,
    { name: 'to', value: 'FILE', isRequired: true, help: ['the file, which must not be there yet'] },
    ...logOptions,
  ],
  examples: ['tidelog backup --store sqlite:./log.db --log shop --to shop.backup.gz'],
}

export const restore: Command = {
  name: 'restore',
  summary: 'read a log from a file',
  text: [
    'Writes what a backup holds into a log that is empty, with the same positions and digests: devices go on where they',
    'were. The whole file is checked first. Stop the endpoint, or it tells devices of that log that they have diverged.',
  ],
  options: [
    store,
    ...oneLog,
    { name: 'from', value: 'FILE', isRequired: true, help: ['the file of a backup'] },
    {
      name: 'resume',
      help: ['go on with a restore that was broken off: the log', 'must hold a beginning of what is in the file'],
    },
    ...logOptions,
  ],
  examples: ['tidelog restore --store postgres://tidelog@db.internal/shop --log shop --from shop.backup.gz'],
}

export const commands: readonly Command[] = [serve, backup, restore]

export const help: string = [
  'Usage: tidelog COMMAND [options]',
  '',
  'Runs the server side of tidelog, an offline-first event log for the browser.',
  '',
  'Commands:',
  ...commands.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`),
  '',
  'tidelog COMMAND --help tells of its options, tidelog --version the version.',
  '',
].join('\n')
