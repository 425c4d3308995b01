// Tests that put another module in the place of one: they have a process of their own, where no other has loaded it before.
export const mockedTests = [
  'src/log/sealer.test.ts',
  'src/sync/blocked.test.ts',
  'src/sync/download.test.ts',
  'test/sim.test.ts',
]
