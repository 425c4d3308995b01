// The built server as a process of its own, as `npm start` runs it: it can be killed and started again.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Running, run } from '../../server/process.fixture.ts'

const builtProgram = fileURLToPath(new URL('../../dist/server/main.js', import.meta.url))

export interface ServerProcess {
  readonly url: string
  /** Like a power cut: nothing is said or finished. */
  readonly kill: () => Promise<void>
  /** The same port and the same data, after {@link kill}. */
  readonly startAgain: () => Promise<void>
}

/** Starts the demo's server with its file of data in `folder`; `program` is that of another copy of the package. */
export async function startServer(folder: string, program: string = builtProgram): Promise<ServerProcess> {
  if (!existsSync(program)) throw new Error('the package is not built: run `npm run build` first')
  let { running, url } = await launch(program, folder, '0')
  return {
    url,
    kill: async () => {
      running.child.kill('SIGKILL')
      await running.ended
    },
    startAgain: async () => {
      const again = await launch(program, folder, new URL(url).port)
      running = again.running
      if (again.url !== url) throw new Error(`the server came back at ${again.url}, not at ${url}`)
    },
  }
}

async function launch(
  program: string,
  folder: string,
  port: string,
): Promise<{ readonly running: Running; readonly url: string }> {
  const running = run(program, [], { env: { PORT: port, TIDELOG_DATA: folder } })
  const line = await running.line()
  const url = /^tidelog demo: (http:\S+)$/.exec(line ?? '')?.[1]
  if (url === undefined) throw new Error(`the server does not start: ${line ?? running.said()}`)
  return { running, url }
}
