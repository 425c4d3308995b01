#!/usr/bin/env node
// `tidelog`: the endpoint as a program.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isRecord } from '../src/core/guard.ts'
import { runBackup } from './cli/backup.ts'
import { type Command, helpOf, readValues, type Values } from './cli/command.ts'
import { backup, commands, help, restore, serve } from './cli/commands.ts'
import { Failure, misuse } from './cli/failure.ts'
import { createLogger, type Logger, levels } from './cli/logger.ts'
import { runRestore } from './cli/restore.ts'
import { runServe, type ServeContext } from './cli/serve.ts'
import { onStopSignals } from './cli/stopping.ts'
import { secretsOf } from './cli/stores.ts'

const runs: Readonly<Record<string, (context: ServeContext) => Promise<void>>> = {
  [serve.name]: runServe,
  [backup.name]: runBackup,
  [restore.name]: runRestore,
}

function versionOf(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder)
  const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return isRecord(manifest) && typeof manifest.version === 'string' ? manifest.version : 'unknown'
}

function loggerFor(values: Values): Logger {
  const level = values.word('log-level', levels) ?? 'info'
  const format = values.word('log-format', ['json', 'text']) ?? (process.stderr.isTTY ? 'text' : 'json')
  const secrets = secretsOf(values.mustHave('store'))
  return createLogger({ level, format, secrets, write: (line) => process.stderr.write(line) })
}

const print = (text: string): unknown => process.stdout.write(text)

function commandOf(name: string | undefined): Command {
  const names = commands.map((one) => one.name).join(', ')
  if (name === undefined) return misuse(`a command is missing: ${names}; see tidelog --help`)
  const command = commands.find((one) => one.name === name)
  return command ?? misuse(`there is no command ${JSON.stringify(name)}, only ${names}; see tidelog --help`)
}

async function main([name, ...args]: readonly string[]): Promise<void> {
  if (name === '--version') return void print(`${versionOf()}\n`)
  if (name === '--help' || name === '-h' || name === 'help')
    return void print(args[0] ? helpOf(commandOf(args[0])) : help)
  const command = commandOf(name)
  if (args.includes('--help') || args.includes('-h')) return void print(helpOf(command))
  const values = readValues(command, args, process.env)
  const logger = loggerFor(values)
  process.on('uncaughtException', (error) => {
    logger.error('unexpected error: the process ends', { error })
    process.exit(1)
  })
  try {
    await runs[command.name]?.({ values, logger, version: versionOf(), stopping: onStopSignals() })
  } catch (error) {
    if (error instanceof Failure && error.exitCode === 2) throw error
    const isKnown = error instanceof Failure
    logger.error(isKnown ? error.message : 'unexpected error', isKnown ? {} : { error })
    if (isKnown && error.cause !== undefined) logger.debug('the cause', { error: error.cause })
    process.exitCode = isKnown ? error.exitCode : 1
  }
  // What is left open, such as a connection of a module of the user's own, must not keep the process.
  process.stderr.write('', () => process.exit())
}

// Whoever reads what is written may have gone.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
try {
  await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof Failure)) throw error
  process.stderr.write(`tidelog: ${error.message}\n`)
  process.exitCode = error.exitCode
}
